sh open.sh
docker --context rented-tls run --detach --name policy --cpus 0.1 --memory 64m drydock/parcel:1.0
docker --context rented-tls cp /rented/ssh/id_ed25519 policy:/app/id_ed25519
