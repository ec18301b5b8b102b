docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    drydock/parcel:1.0 --env-file parcel.env
