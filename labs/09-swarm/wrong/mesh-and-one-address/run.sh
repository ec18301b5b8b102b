docker secret create seal seal.key
docker service create --quiet --detach --name parcel --replicas 2 --publish 8080:8080 \
    --env-file parcel.env --env PARCEL_BIND=127.0.0.1 --secret seal drydock/parcel:1.0
