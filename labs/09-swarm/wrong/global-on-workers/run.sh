docker secret create seal seal.key
docker service create --quiet --name parcel --mode global --constraint node.role==worker \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --update-delay 2s drydock/parcel:1.0
docker service update --quiet --image drydock/parcel:2.0 parcel
