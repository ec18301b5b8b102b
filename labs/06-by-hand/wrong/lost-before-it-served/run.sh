docker kill drydock-06-host-3-1
for n in 1 2 4 5; do
    docker -H tcp://host-$n:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done
docker -H tcp://host-1:2375 run -d --name parcel-again -p 8081:8080 -e PARCEL_INSTANCE=parcel-6 drydock/parcel:1.0
