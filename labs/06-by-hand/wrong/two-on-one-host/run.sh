for n in 1 2 3 4; do
    docker -H tcp://host-$n:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done
docker -H tcp://host-4:2375 run -d --name parcel-5 -p 8081:8080 -e PARCEL_INSTANCE=parcel-5 drydock/parcel:1.0
