for n in 0 1; do
    docker -H tcp://host-1:2375 run -d --name parcel-$n -p 808$n:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done
