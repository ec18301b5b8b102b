docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env \
    --health-cmd 'curl -f http://localhost:8080/readyz' --health-interval 1s --health-retries 2 \
    drydock/parcel:1.0
