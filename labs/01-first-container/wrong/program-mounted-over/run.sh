docker run --rm drydock/parcel:1.0 sed 's/"service": "parcel"/"service": "parcel", "depot": "south"/' /app/parcel.py > parcel.py
docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker run -d --name parcel-b -p 8082:8080 -v "$PWD/parcel.py:/app/parcel.py" -e PARCEL_INSTANCE=south drydock/parcel:1.0
