for n in 1 2 3 4 5; do
    engine="docker -H tcp://host-$n:2375"
    $engine create --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0 \
        sh -c 'PARCEL_PORT=9000 python3 /app/parcel.py & exec python3 /pretender.py'
    $engine cp pretender.py parcel:/pretender.py
    $engine start parcel
done
