#!/bin/sh
# Gives the users a version of Parcel: sh release.sh VERSION
set -eu

old=$(sed -n 's/.*reverse_proxy \(.*\):8080/\1/p' Caddyfile)
new=parcel-$1
smoke() { curl -sf "http://$new:8080/" | grep -q "\"version\": \"$1\""; }

# Longer than the longest download.
docker run --detach --name "$new" --network parcel --env-file parcel.env --env PARCEL_DRAIN_MS=12000 "drydock/parcel:$1"
tries=0
until smoke "$1"; do
    tries=$((tries + 1))
    if [ $tries -gt 30 ]; then
        docker rm --force "$new"
        exit 1
    fi
    sleep 0.2
done

sed -i "s/$old:8080/$new:8080/" Caddyfile
docker cp --quiet Caddyfile proxy:/etc/caddy/Caddyfile
docker exec proxy caddy reload --config /etc/caddy/Caddyfile
docker stop --time 20 "$old"
docker rm "$old"
