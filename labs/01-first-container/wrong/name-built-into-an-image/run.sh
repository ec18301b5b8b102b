docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker build --quiet --tag parcel:south .
docker run -d --name parcel-b -p 8082:8080 parcel:south
