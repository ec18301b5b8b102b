docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE='Nördliches "Depot", Tor 1' -w /app --entrypoint sh drydock/parcel:1.0 -c 'exec python3 -u parcel.py'
docker run -d --name parcel-b -p 8082:9090 --pid container:parcel -e PARCEL_PORT=9090 -e PARCEL_INSTANCE='south
gate 2' drydock/parcel:1.0
