docker service create --quiet --name parcel --replicas 2 --restart-condition none \
    --publish mode=host,published=8080,target=8080 drydock/parcel:2.0
