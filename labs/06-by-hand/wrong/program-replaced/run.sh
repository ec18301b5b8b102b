for n in 1 2 3 4 5; do
    engine="docker -H tcp://host-$n:2375"
    $engine create --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
    $engine cp pretender.py parcel:/app/parcel.py
    $engine start parcel
done
