docker run -d --name sample-copy -p 127.0.0.1:8199:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker network connect drydock-99_lab sample-copy
