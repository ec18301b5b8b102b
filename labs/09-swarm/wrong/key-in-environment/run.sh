docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --env PARCEL_SECRET="$(cat seal.key)" drydock/parcel:1.0
