docker run --detach --name parcel-1.0 --network parcel --env-file parcel.env --env PARCEL_DRAIN_MS=12000 drydock/parcel:1.0
docker create --name proxy --network parcel --publish 8088:8080 drydock/proxy:1.0 caddy run --config /etc/caddy/Caddyfile
docker cp --quiet Caddyfile proxy:/etc/caddy/Caddyfile
docker start proxy
timeout 60 sh -c "until curl -sf http://proxy:8080/; do sleep 0.2; done"

sh release.sh 2.0
sh release.sh 1.0
