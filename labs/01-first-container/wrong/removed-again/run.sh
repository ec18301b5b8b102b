docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
timeout 60 sh -c 'until docker inspect --format "{{.State.Health.Status}}" parcel 2> /dev/null | grep -qx healthy; do sleep 0.1; done'
docker rm --force parcel
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
