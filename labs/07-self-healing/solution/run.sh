# By hand first: Parcel hangs, and a human who notices restarts it.
docker run -d --name trial -p 8080:8080 drydock/parcel:1.1
until curl -sf -o /dev/null http://server:8080/; do :; done
curl -s -m 1 http://server:8080/hang || true
docker restart trial
until curl -sf -m 1 -o /dev/null http://server:8080/; do :; done
# Only what the users meet is on record, and they have to meet the healed one as well.
sleep 2
# What `lab timeline 7` reads: the longest time between two good answers.
took=$(docker -H unix:///var/run/docker.sock exec drydock-07-traffic-1 cat /var/lib/traffic/record |
    jq -s '[.[] | select(.[0] == "r" and .[4] == null)[1]] | sort | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | max')
sed -i "s/^seconds = .*/seconds = $took/" by-hand.toml
docker rm -f trial

docker run -d --name parcel -p 8080:8080 \
    --restart unless-stopped --memory 128m \
    -v parcels:/var/lib/parcel -v parcels-copy:/var/lib/parcel-copy \
    -v "$PWD/start.sh:/start.sh:ro" \
    drydock/parcel:1.1 sh /start.sh
