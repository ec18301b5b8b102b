docker service create --quiet --name parcel --replicas 1 \
    --publish mode=host,published=8080,target=8080 --constraint node.hostname==node-2 drydock/parcel:1.0
docker -H tcp://node-3:2375 run -d --name parcel -p 8080:8080 drydock/parcel:1.0
