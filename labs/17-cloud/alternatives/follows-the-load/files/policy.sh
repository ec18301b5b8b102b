# Follows the load. When the copy uses more than 60 % of its limit, the limit is doubled; when it uses less than 30 %
# twice in a row, the limit is halved. It is never below a tenth of a processor, and never above four tenths.
set -eu

limit=10 # hundredths of a processor
low=0
docker --context rented-ssh stats --format '{{.CPUPerc}}' parcel | while read -r line; do
    used=$(echo "$line" | grep -o '[0-9]*\.[0-9]*%') || continue
    used=${used%%.*}
    if [ $((used * 100)) -gt $((limit * 60)) ] && [ "$limit" -lt 40 ]; then
        limit=$((limit * 2))
    elif [ $((used * 100)) -lt $((limit * 30)) ] && [ "$limit" -gt 10 ]; then
        low=$((low + 1))
        [ "$low" -ge 2 ] || continue
        limit=$((limit / 2))
    else
        low=0
        continue
    fi
    low=0
    docker --context rented-ssh update --cpus "0.$limit" parcel
done
