docker service create --quiet --detach --name parcel --replicas 2 --constraint node.hostname==node-2 \
    --publish mode=host,target=8080 --env-file parcel.env drydock/parcel:1.0
