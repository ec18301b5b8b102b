sh open.sh
docker --context rented-tls run --detach --name policy --volume /rented/tls:/keys:ro --cpus 0.1 --memory 64m \
    drydock/parcel:1.0
