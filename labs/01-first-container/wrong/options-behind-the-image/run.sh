docker run -d --name parcel -e PARCEL_INSTANCE=north drydock/parcel:1.0 -p 8081:8080
