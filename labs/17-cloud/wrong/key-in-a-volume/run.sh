sh open.sh
docker --context rented-tls create --name policy --volume keys:/keys drydock/parcel:1.0
docker --context rented-tls cp /rented/tls/key.pem policy:/keys/key.pem
docker --context rented-tls rm policy
