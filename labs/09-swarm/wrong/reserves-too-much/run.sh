docker service create --quiet --detach --name parcel --replicas 2 --reserve-memory 900G \
    --publish mode=host,published=8080,target=8080 --env-file parcel.env drydock/parcel:1.0
# The scheduler has said why.
until docker service ps --no-trunc --format '{{.Error}}' parcel | grep -q insufficient; do sleep 0.2; done
