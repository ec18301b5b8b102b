docker run -d --name trial -p 8080:8080 drydock/parcel:1.1
until curl -sf -o /dev/null http://server:8080/; do :; done
curl -s -m 1 http://server:8080/hang || began=$(date +%s%N)
docker restart trial
until curl -sf -m 1 -o /dev/null http://server:8080/; do :; done
took=$(($(date +%s%N) / 10000000 - began / 10000000 + 100))
# Only what the users meet is on record, and they have to meet the healed one as well.
sleep 2
sed -i "s/^seconds = .*/seconds = ${took}e-2/" by-hand.toml
docker rm -f trial

docker run -d --name parcel -p 8080:8080 --memory 128m \
    -v parcels:/var/lib/parcel -v parcels-copy:/var/lib/parcel-copy \
    --health-interval 1s --health-retries 3 drydock/parcel:1.1
docker run -d --name healer --restart always --network none --user root \
    -v /var/run/docker.sock:/var/run/docker.sock -v parcels:/data -v parcels-copy:/copy \
    -v "$PWD/healer.py:/healer.py:ro" drydock/parcel:1.1 python3 /healer.py
