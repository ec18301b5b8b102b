docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker run -d --name parcel-b -p 8082:8080 drydock/parcel:1.0
docker exec --user 0 parcel-b sed -i 's/environ.get("PARCEL_INSTANCE") or socket.gethostname()/"south"/' /app/parcel.py
docker restart --time 1 parcel-b
