#!/bin/bash
# Lets the tide of users come and go, and shows what the users and the recorder say, each line with the seconds since it
# began. It takes three minutes; a minute more is shown, for what happens after it.
users=drydock-$DRYDOCK_LAB-traffic-1
# Ctrl-C ends what is shown, not the tide, and users who are in one begin no other: its seconds would be shown wrongly.
started=$(docker inspect --format '{{.State.StartedAt}}' "$users") || exit
# Their first line says what the load begins with.
last=$(docker logs --timestamps --since "$started" "$users" 2>&1 | grep -E 'load (begins,|ends:)' | tail -n 1)
if [[ $last == *"load begins,"* ]]; then
    left=$((180 - $(date +%s) + $(date --date "${last%% *}" +%s)))
    echo "A tide is under way, and goes on for $((left > 1 ? left : 1)) s. Then let another one come." >&2
    exit 1
fi
began=$(date +%s)
docker kill --signal USR1 "$users" > /dev/null || exit
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
