sh open.sh
docker --context rented-tls run --detach --name watch --volume /:/machine:ro --cpus 0.1 --memory 64m drydock/parcel:1.0
