for client in client-1 client-2; do
    docker exec "drydock-$DRYDOCK_LAB-$client-1" docker run -d --name parcel -p 8080:8080 drydock/parcel:1.0
done
