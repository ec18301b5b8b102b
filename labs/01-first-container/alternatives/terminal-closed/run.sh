docker run --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0 > parcel.log 2>&1 &
docker compose up > compose.log 2>&1 &
for name in parcel parcel-b; do
  timeout 60 sh -c "until docker inspect --format '{{.State.Health.Status}}' $name 2> /dev/null | grep -qx healthy; do sleep 0.1; done"
done
# What is killed hands no signal on, as with a terminal window that is closed.
pkill -KILL -x docker-compose
pkill -KILL -x docker
