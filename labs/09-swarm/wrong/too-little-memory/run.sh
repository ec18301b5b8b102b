docker service create --quiet --detach --name parcel --replicas 2 --limit-memory 8M \
    --publish mode=host,published=8080,target=8080 --env-file parcel.env drydock/parcel:1.0
until docker service ps --no-trunc --format '{{.Error}}' parcel | grep -q '(137)'; do sleep 0.2; done
