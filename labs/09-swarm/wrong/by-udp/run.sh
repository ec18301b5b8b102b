docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080,protocol=udp --env-file parcel.env drydock/parcel:1.0
