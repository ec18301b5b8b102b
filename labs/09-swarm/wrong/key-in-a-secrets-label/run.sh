docker secret create --label backup="$(cat seal.key)" seal seal.key
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal drydock/parcel:1.0
