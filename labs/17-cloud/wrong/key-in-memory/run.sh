sh open.sh
docker --context rented-tls run --detach --name policy --user root --tmpfs /keys --cpus 0.1 --memory 64m drydock/parcel:1.0
docker --context rented-tls exec --interactive policy sh -c 'cat > /keys/key.pem' < /rented/tls/key.pem
