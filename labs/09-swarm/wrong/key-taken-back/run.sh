docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal --env KEY="$(cat seal.key)" drydock/parcel:1.0
docker service update --quiet --env-rm KEY parcel
