docker run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker rm --force parcel
docker run -d -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
