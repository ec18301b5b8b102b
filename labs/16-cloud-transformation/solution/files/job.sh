# The job, as cron ran it, for a container of its own. It ends when it is asked to.
trap 'exit 0' TERM
while :; do
    python3 tally.py
    sleep 5 &
    wait $!
done
