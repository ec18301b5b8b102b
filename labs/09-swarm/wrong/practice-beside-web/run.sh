docker service create --quiet --name practice --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    drydock/parcel:1.0
docker service create --quiet --detach --name web --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env drydock/parcel:1.0
until docker service ps --no-trunc --format '{{.Error}}' web | grep -q 'no suitable node'; do sleep 0.2; done
