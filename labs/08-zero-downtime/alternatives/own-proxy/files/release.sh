#!/bin/sh
# Gives the users a version of Parcel: sh release.sh VERSION
old=$(docker exec proxy cat /tmp/to)
new=parcel-$1
docker run --detach --name "$new" --network parcel --env-file parcel.env --env PARCEL_DRAIN_MS=15000 "drydock/parcel:$1"

# Its own health check, and the front page as a user asks for it; for half a minute at most.
test='import urllib.request; assert b"\"'$1'\"" in urllib.request.urlopen("http://localhost:8080/").read()'
end=$(($(date +%s) + 30))
until docker exec "$new" python3 /app/health.py /readyz && docker exec "$new" python3 -c "$test" 2> /dev/null; do
    if [ "$(date +%s)" -ge $end ]; then
        docker rm --force "$new"
        exit 1
    fi
done

docker exec proxy sh -c "echo $new > /tmp/to.new; mv /tmp/to.new /tmp/to"
docker stop --time 20 "$old"
docker rm "$old"
