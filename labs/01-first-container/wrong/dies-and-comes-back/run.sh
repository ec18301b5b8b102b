docker run -d --name parcel --restart always -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0 timeout 6 python3 /app/parcel.py
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
# Looked at while it runs, between two deaths.
timeout 60 sh -c 'until [ "$(docker inspect --format "{{.RestartCount}} {{.State.Status}}" parcel)" = "1 running" ]; do sleep 0.1; done'
