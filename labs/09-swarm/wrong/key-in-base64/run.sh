docker secret create seal seal.key
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal --env KEY="$(base64 -w0 < seal.key)" drydock/parcel:1.0
