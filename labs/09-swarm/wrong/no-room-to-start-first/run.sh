docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 3 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --update-order start-first drydock/parcel:1.0
docker service update --quiet --detach --image drydock/parcel:2.0 parcel
until docker service ps --no-trunc --format '{{.Error}}' parcel | grep -q 'no suitable node'; do sleep 0.2; done
