docker run -d --name parcel -p 8081:8080 --memory 6m -e PARCEL_INSTANCE=north drydock/parcel:1.0
timeout 60 docker wait parcel
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
