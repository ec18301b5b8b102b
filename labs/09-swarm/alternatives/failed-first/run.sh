docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal --update-parallelism 0 drydock/parcel:1.0
docker service update --quiet --image drydock/parcel:2.0 parcel
docker service rollback --quiet parcel
docker service update --quiet --update-parallelism 1 --update-delay 2s --update-order start-first \
    --health-cmd 'python3 -I -S /app/health.py /readyz' parcel
until curl -sf http://front:8080/ | grep -q '"version": "1.0"'; do sleep 0.2; done
docker service update --quiet --image drydock/parcel:2.0 parcel
