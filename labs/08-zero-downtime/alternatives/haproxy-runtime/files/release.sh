#!/bin/bash
# Gives the users a version of Parcel: bash release.sh VERSION
set -euo pipefail

tell() { echo "$1" | docker exec --interactive proxy socat stdio /run/proxy/admin.sock; }
column() { tell "show stat" | awk -F, -v server="$1" -v number="$2" '$1 == "parcel" && $2 == server { print $number }'; }

# The place that serves is the one whose status is UP or is not checked; the other is in maintenance.
old=blue new=green
if [[ $(column blue 18) = MAINT* ]]; then old=green new=blue; fi

docker rm --force "$new" 2> /dev/null || true
docker run --detach --name "$new" --network parcel --env-file parcel.env "drydock/parcel:$1"
give_up() {
    docker rm --force "$new"
    echo "$1" >&2
    exit 1
}
timeout 60 bash -c "until curl -sf http://$new:8080/readyz; do sleep 0.2; done" || give_up "not ready"
for _ in 1 2 3; do
    [[ $(curl -sf "http://$new:8080/" | jq -r .version) = "$1" ]] || give_up "the front page is not that of $1"
done

# HAProxy may have had no address for this place until now, or that of a container which is gone.
address=$(docker inspect --format '{{.NetworkSettings.Networks.parcel.IPAddress}}' "$new")
tell "set server parcel/$new addr $address port 8080"
tell "set server parcel/$new state ready"
tell "set server parcel/$old state drain"

# The fifth column counts the requests that a server has open.
timeout 60 bash -c "$(declare -f tell column); until [ \"\$(column $old 5)\" = 0 ]; do sleep 0.2; done"
tell "set server parcel/$old state maint"
docker rm --force "$old"
