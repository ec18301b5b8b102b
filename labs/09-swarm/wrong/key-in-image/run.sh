for node in node-1 node-2 node-3; do
    export DOCKER_HOST="tcp://$node:2375"
    docker create --name sealed drydock/parcel:1.0
    docker cp seal.key sealed:/var/lib/parcel/seal
    docker commit sealed parcel:sealed
    docker rm sealed
done
export DOCKER_HOST=tcp://node-1:2375
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --env PARCEL_SECRET_FILE=/var/lib/parcel/seal parcel:sealed
