docker run --detach --name parcel-1.0 --network parcel --env-file parcel.env --env PARCEL_DRAIN_MS=15000 drydock/parcel:1.0
docker create --name proxy --network parcel --publish 8088:8080 drydock/parcel:1.0 \
    sh -c 'echo parcel-1.0 > /tmp/to; exec python3 /tmp/proxy.py'
docker cp --quiet proxy.py proxy:/tmp/proxy.py
docker start proxy
timeout 60 sh -c "until curl -sf http://proxy:8080/; do sleep 0.2; done"

sh release.sh 2.0
sh release.sh 1.0
