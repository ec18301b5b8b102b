# From the start, whatever is there.
docker service rm parcel || true
docker secret rm seal || true
docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' \
    --update-order start-first --update-delay 2s \
    drydock/parcel:1.0
# One copy after the other: the new one is ready before the old one ends, and a node is free for it.
docker service update --quiet --image drydock/parcel:2.0 parcel
