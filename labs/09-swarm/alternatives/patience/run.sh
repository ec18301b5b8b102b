docker secret create parcel-seal seal.key
docker service create --quiet --name counter --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env PARCEL_READY_DELAY_MS=3000 --env PARCEL_SECRET_FILE=/etc/parcel/seal \
    --secret source=parcel-seal,target=/etc/parcel/seal,mode=0444 \
    --update-delay 8s \
    drydock/parcel:1.0
docker service update --quiet --image drydock/parcel:2.0 counter
