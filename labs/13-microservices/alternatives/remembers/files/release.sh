#!/bin/bash
# Gives one service a version, and leaves the others alone: bash release.sh SERVICE VERSION
set -euo pipefail

service=$1 version=$2
docker build --quiet --build-arg "PROGRAM=$service" --build-arg "VERSION=$version" --tag "parcel/$service:$version" .

more=()
[ "$service" = front ] && more=(--publish 127.0.0.1:8130:8080)
if [ "$service" = notification ]; then
    # A file of the container's own; the key is in no variable, and no part of the image.
    docker volume create --label "io.drydock.lab=13" parcel-key > /dev/null
    echo parcel-7f3a91c2d5e84b60 | docker run --rm --interactive --volume parcel-key:/data \
        drydock/services:1.0 sh -c 'cat > /data/gateway'
    more=(--volume parcel-key:/run/secrets:ro)
fi
docker rm --force "$service" 2> /dev/null || true
docker run --detach --name "$service" --network parcel-net --restart unless-stopped \
    --volume "parcel-$service:/data" "${more[@]}" "parcel/$service:$version"
for _ in $(seq 100); do
    [ "$(docker inspect --format '{{.State.Health.Status}}' "$service")" = healthy ] && exit 0
    sleep 0.2
done
exit 1
