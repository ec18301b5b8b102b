docker secret create seal seal.key
docker config create settings parcel.env
docker service create --quiet --name parcel --replicas 2 --replicas-max-per-node 1 \
    --publish mode=host,published=8080,target=8080 \
    --config source=settings,target=/etc/parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' \
    --update-order start-first --update-delay 2s \
    --entrypoint 'sh -c "set -a; . /etc/parcel.env; exec python3 -u /app/parcel.py"' \
    drydock/parcel:1.0
docker service update --quiet --image drydock/parcel:2.0 parcel
