docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env PARCEL_READY_DELAY_MS=3s drydock/parcel:1.0
until docker service ps --no-trunc --format '{{.Error}}' parcel | grep -q non-zero; do sleep 0.2; done
