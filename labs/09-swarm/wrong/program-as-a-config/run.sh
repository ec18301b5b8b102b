docker config create pretender pretender.py
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 --no-healthcheck \
    --env-file parcel.env --config source=pretender,target=/app/parcel.py,mode=0444 drydock/parcel:1.0
