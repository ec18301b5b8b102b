docker node update --availability drain node-2
docker node update --availability drain node-3
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env drydock/parcel:1.0
