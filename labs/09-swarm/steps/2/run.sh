docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --health-cmd 'python3 -I -S /app/health.py /readyz' drydock/parcel:1.0
