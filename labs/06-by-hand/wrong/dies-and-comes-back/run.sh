for n in 1 2 3 4; do
    docker -H tcp://host-$n:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done
docker -H tcp://host-5:2375 run -d --name parcel --restart always -p 8080:8080 -e PARCEL_INSTANCE=parcel-5 drydock/parcel:1.0 timeout 6 python3 /app/parcel.py
# Looked at while it runs, between two deaths.
until [ "$(docker -H tcp://host-5:2375 inspect --format '{{.RestartCount}} {{.State.Status}}' parcel)" = "2 running" ]; do sleep 0.1; done
