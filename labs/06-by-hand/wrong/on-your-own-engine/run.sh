for n in 1 2 3 4 5; do
    docker run -d --name parcel-$n --network drydock-06_lab -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done
