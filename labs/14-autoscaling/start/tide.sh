#!/bin/bash
# Lets the tide of users come and go, and shows what the users and the recorder say, each line with the seconds since it
# began. It takes three minutes; a minute more is shown, for what happens after it.
began=$(date +%s)
docker kill --signal USR1 "drydock-$DRYDOCK_LAB-traffic-1" > /dev/null || exit
SECONDS=0 until=300
while IFS= read -r -t $((until - SECONDS > 0 ? until - SECONDS : 1)) line; do
    line=${line#*Z }
    printf '%4d s  %s\n' "$SECONDS" "$line"
    case $line in
        "load ends"*) until=$((SECONDS + ${1:-60})) ;;
    esac
    [ "$SECONDS" -lt "$until" ] || break
done < <(
    trap 'kill $(jobs -p)' EXIT
    for each in traffic recorder; do
        docker logs --follow --since "$began" "drydock-$DRYDOCK_LAB-$each-1" 2>&1 &
    done
    wait
)
kill $! 2> /dev/null
exit 0
