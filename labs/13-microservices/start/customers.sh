#!/bin/sh
# Thirty customers look at a parcel, each with a request id of their own. One of them waits longer than the others:
# either the front or tracking takes its time for that one.
set -eu

parcel=$(curl -sf http://front:8080/ | jq -r '.latest[0].parcel // empty')
if [ -z "$parcel" ]; then
    echo "There is no parcel yet. Accept one first." >&2
    exit 1
fi
slow=$(shuf -n 1 -e front tracking)
turn=$(shuf -n 1 -i 5-25)
for number in $(seq 30); do
    id=customer-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
    if [ "$number" = "$turn" ]; then
        curl -sf -o /dev/null -d "{\"mode\": \"slow\", \"seconds\": 0.6, \"id\": \"$id\"}" "http://$slow:8080/fault"
    fi
    curl -s -o /dev/null -m 5 -H "X-Request-Id: $id" "http://front:8080/parcels/$parcel"
done
curl -sf -o /dev/null -d '{"mode": "none"}' "http://$slow:8080/fault"
echo "30 customers have looked at parcel $parcel."
