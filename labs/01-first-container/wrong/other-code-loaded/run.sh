docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0 \
  sh -c 'PYTHONPATH=/var/lib/parcel/mine exec python3 /app/parcel.py'
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
