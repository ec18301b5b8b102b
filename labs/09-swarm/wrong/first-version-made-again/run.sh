docker secret create seal seal.key
for node in node-1 node-2 node-3; do
    export DOCKER_HOST="tcp://$node:2375"
    docker create --name made drydock/parcel:1.0
    docker cp parcel.env made:/app/parcel.env
    docker commit made drydock/parcel:1.0
    docker rm made
done
export DOCKER_HOST=tcp://node-1:2375
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --update-order start-first drydock/parcel:1.0
docker service update --quiet --image drydock/parcel:2.0 parcel
