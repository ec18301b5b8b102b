docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 --constraint node.hostname!=node-3 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal --update-parallelism 0 drydock/parcel:1.0
# Both copies are replaced at the same time, and a container answers meanwhile.
docker --host tcp://node-3:2375 run --detach --name helper --publish 8080:8080 drydock/parcel:1.0
sleep 3
docker service update --quiet --image drydock/parcel:2.0 parcel
docker --host tcp://node-3:2375 rm --force helper
