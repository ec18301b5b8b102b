docker run --rm drydock/parcel:1.0 sed 's/"service": "parcel"/"service": "parcel", "depot": "north"/' /app/parcel.py > parcel.py
docker create --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker cp parcel.py parcel:/app/parcel.py
docker start parcel
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
