sh open.sh
docker --context rented-tls network create parcel
docker --context rented-tls run --detach --name front --network parcel --publish 8080:8080 --no-healthcheck \
    --cpus 0.05 --memory 96m \
    --env "DRYDOCK_FRONT_TO=parcel-1:8080 parcel-2:8080 parcel-3:8080 parcel-4:8080" drydock/front:1.0
sh scale.sh 1
timeout 30 sh -c "until curl -sf http://rented:8080/; do sleep 0.2; done"
sh week.sh sh policy.sh
