docker config create seal seal.key
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --config source=seal,target=/run/secrets/seal drydock/parcel:1.0
