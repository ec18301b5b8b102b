docker service create --quiet --detach --name parcel --replicas 2 --restart-delay 1s \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env drydock/parcel:1.0 timeout 15 python3 /app/parcel.py
# Each place has seen two copies end, and has one that runs.
until [ "$(docker service ps --filter desired-state=shutdown --quiet parcel | wc -l)" -ge 4 ]; do sleep 1; done
until [ "$(docker service ps --filter desired-state=running --format '{{.CurrentState}}' parcel | grep -c '^Running')" = 2 ]; do sleep 0.2; done
