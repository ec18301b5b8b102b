sh open.sh
docker --context rented-tls run --interactive --name check --cpus 0.1 --memory 64m drydock/parcel:1.0 \
    cat < /rented/tls/key.pem
