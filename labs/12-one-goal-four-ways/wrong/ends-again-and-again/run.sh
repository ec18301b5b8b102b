for host in host-1 host-2; do
    docker -H tcp://$host:2375 run -d --name parcel -p 8080:8080 --restart always drydock/parcel:1.0 \
        timeout 15 python3 /app/parcel.py
done
# Each has ended twice, and serves again.
for host in host-1 host-2; do
    until [ "$(docker -H tcp://$host:2375 inspect --format '{{.RestartCount}}' parcel)" -ge 2 ]; do sleep 0.5; done
done
