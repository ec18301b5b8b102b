docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --env PARCEL_VERSION=1.0 --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --update-order start-first drydock/parcel:2.0
# Now the image says it again.
docker service update --quiet --env-rm PARCEL_VERSION parcel
