docker secret create seal seal.key
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --entrypoint 'sh -c "export SEAL=$(cat /run/secrets/seal); exec python3 /app/parcel.py"' drydock/parcel:1.0
