docker run -d --name sample-copy -p 8199:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
