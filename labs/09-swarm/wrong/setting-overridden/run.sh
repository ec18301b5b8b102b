docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env drydock/parcel:1.0 \
    sh -c 'PARCEL_READY_DELAY_MS=0 exec python3 /app/parcel.py'
