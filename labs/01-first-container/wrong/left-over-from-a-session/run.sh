docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0 sleep infinity
docker exec parcel sh -c 'python3 /app/parcel.py > /dev/null 2>&1 &'
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
