docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 --hostname '{{.Task.Name}}' \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --env PARCEL_SECRET_FILE=../run/secrets/../secrets/seal \
    --secret seal --mount type=tmpfs,target=/run/secrets \
    --health-cmd 'python3 -I -S /app/health.py /readyz' \
    --update-order start-first --update-delay 2s \
    drydock/parcel:1.0
docker service update --quiet --image drydock/parcel:2.0 parcel
