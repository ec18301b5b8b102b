docker network create --driver overlay --internal back
docker service create --quiet --detach --name parcel --replicas 2 --network back \
    --publish mode=host,published=8080,target=8080 --env-file parcel.env drydock/parcel:1.0
