docker run -d --name parcel -p 8081:8080 --read-only --cap-drop ALL --user 4242 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker run -d --name parcel-b -p 8082:8080 --memory 128m drydock/parcel:1.0 \
  sh -c 'PARCEL_INSTANCE=south exec python3 /app/parcel.py'
