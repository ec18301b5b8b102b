docker service create --quiet --detach --name parcel \
    --publish mode=host,published=8080,target=8080 --env-file parcel.env drydock/parcel:1.0
