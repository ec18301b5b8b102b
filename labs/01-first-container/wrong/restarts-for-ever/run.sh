docker run -d --name parcel --restart always -p 8081:8080 -e PARCEL_PORT=eighty -e PARCEL_INSTANCE=north drydock/parcel:1.0
timeout 60 sh -c 'until [ "$(docker inspect --format "{{.RestartCount}}" parcel)" -ge 1 ]; do sleep 0.1; done'
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
