docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 --restart-delay 3m \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --update-order start-first drydock/parcel:1.0
docker service update --quiet --image drydock/parcel:2.0 parcel
