docker run -d --name sample-copy \
    -p 8199:8080 \
    -e PARCEL_INSTANCE=north \
    --network drydock-99_lab \
    drydock/parcel:1.0
