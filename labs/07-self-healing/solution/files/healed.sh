# What was healed, and how often; the last line is the number.
docker logs parcel 2>&1 | grep -e "^start:" -e "^watchdog:"
docker logs parcel 2>&1 | grep -c "started again"
