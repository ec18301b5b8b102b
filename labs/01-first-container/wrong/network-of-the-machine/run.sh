docker run -d --name parcel --network host -e PARCEL_PORT=8081 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker run -d --name parcel-b --network host -e PARCEL_PORT=8082 -e PARCEL_INSTANCE=south drydock/parcel:1.0
