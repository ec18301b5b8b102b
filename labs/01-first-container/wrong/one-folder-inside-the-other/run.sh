mkdir -p depots/south
chmod 777 depots depots/south
docker run -d --name parcel -p 8081:8080 -v "$PWD/depots:/var/lib/parcel" -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker run -d --name parcel-b -p 8082:8080 -v "$PWD/depots/south:/var/lib/parcel" -e PARCEL_INSTANCE=south drydock/parcel:1.0
