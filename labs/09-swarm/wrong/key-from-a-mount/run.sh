docker secret create seal seal.key
for node in node-1 node-2 node-3; do
    docker --host "tcp://$node:2375" create --name filler -v seal:/seal drydock/parcel:1.0
    docker --host "tcp://$node:2375" cp seal.key filler:/seal/seal.key
    docker --host "tcp://$node:2375" rm filler
done
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal --mount type=volume,source=seal,target=/seal \
    --env PARCEL_SECRET_FILE=/seal/seal.key drydock/parcel:1.0
