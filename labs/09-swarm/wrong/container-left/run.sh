docker run --detach --name trial --publish 8080:8080 drydock/parcel:1.0
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --constraint node.role==worker drydock/parcel:1.0
