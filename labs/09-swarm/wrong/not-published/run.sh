docker service create --quiet --detach --name parcel --replicas 2 --env-file parcel.env drydock/parcel:1.0
