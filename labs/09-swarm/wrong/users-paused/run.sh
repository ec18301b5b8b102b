docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal drydock/parcel:1.0
users=drydock-$DRYDOCK_LAB-traffic-1
docker --host unix:///var/run/docker.sock pause "$users"
docker service update --quiet --image drydock/parcel:2.0 parcel
docker --host unix:///var/run/docker.sock unpause "$users"
