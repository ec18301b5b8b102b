#!/bin/bash
# Gives the users a version of Parcel: ./release.sh VERSION
set -euo pipefail

version=$1
old=$(cat colour)
new=green
[ "$old" = green ] && new=blue

proxy=$(docker compose ps --quiet proxy)
workers() { docker top "$proxy" -eo pid,args | awk '/nginx: worker/ { print $1 }'; }

# These servers, each with its weight, from now on; returns when the workers from before have ended.
serve() {
    local before each
    before=$(workers)
    awk -v servers="$(printf 'server %s; ' "$@")" \
        '/server [a-z]*:8080/ { if (!told++) print "        " servers; next } { print }' nginx.conf > nginx.new
    mv nginx.new nginx.conf
    docker cp --quiet nginx.conf "$proxy:/etc/nginx/nginx.conf"
    docker exec "$proxy" nginx -s reload
    for each in $before; do
        timeout 60 bash -c "$(declare -f workers); proxy=$proxy; while workers | grep -qx $each; do sleep 0.2; done"
    done
}

declare -A of=([blue]=BLUE [green]=GREEN)
export "${of[$new]}=$version"
docker compose up --detach --no-deps "$new"
ok=
for _ in $(seq 40); do
    if [ "$(curl -sf "http://$new:8080/" | jq -r .version)" = "$version" ]; then
        ok=yes
        break
    fi
    sleep 0.2
done
if [ -z "$ok" ]; then
    docker compose rm --stop --force "$new"
    exit 1
fi
serve "$old:8080 weight=9" "$new:8080 weight=1"
serve "$new:8080"
docker compose rm --stop --force "$old"
echo "$new" > colour
