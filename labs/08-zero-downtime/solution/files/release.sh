#!/bin/sh
# Gives the users a version of Parcel: sh release.sh VERSION
set -eu

new=parcel-$1
old=$(sed -n 's/.*server \(parcel-[^:]*\):8080;/\1/p' nginx.conf)
if [ "$new" = "$old" ]; then
    echo "The users have $1 already."
    exit 0
fi

docker run --detach --name "$new" --network parcel --env-file parcel.env "drydock/parcel:$1"

# What is not ready, or answers its users with anything but its version, never meets them.
if ! timeout 60 sh -c "until curl -sf http://$new:8080/readyz; do sleep 0.2; done" ||
    ! curl -sf "http://$new:8080/" | jq -e ".version == \"$1\""; then
    docker rm --force "$new"
    echo "$1 is not released: it does not answer as it should." >&2
    exit 1
fi

# New connections go to the new version; nginx's old worker finishes what it has begun, and ends.
worker=$(docker top proxy -eo pid,args | awk '/nginx: worker/ { print $1 }')
sed -i "s/server $old:/server $new:/" nginx.conf
docker cp --quiet nginx.conf proxy:/etc/nginx/nginx.conf
docker exec proxy nginx -s reload
timeout 60 sh -c "while docker top proxy -eo pid | grep -qwF '$worker'; do sleep 0.2; done"

docker stop "$old"
docker rm "$old"
