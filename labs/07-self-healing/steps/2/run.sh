docker run -d --name trial -p 8080:8080 drydock/parcel:1.1
until curl -sf -o /dev/null http://server:8080/; do :; done
curl -s -m 1 http://server:8080/hang || began=$(date +%s%N)
docker restart trial
until curl -sf -m 1 -o /dev/null http://server:8080/; do :; done
sed -i "s/^seconds = .*/seconds = $(($(date +%s%N) / 10000000 - began / 10000000 + 100))e-2/" by-hand.toml
docker rm -f trial
