docker secret create seal seal.key
docker service create --quiet --name first --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' \
    drydock/parcel:1.0
until curl -sf http://front:8080/ | grep -q '"version": "1.0"'; do sleep 0.2; done
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' \
    drydock/parcel:2.0
# There is room for one copy of it beside the first service; the other comes when that one goes.
until curl -sf http://front:8080/ | grep -q '"version": "2.0"'; do sleep 0.2; done
docker service rm first
until [ "$(docker service ps --filter desired-state=running --format '{{.CurrentState}}' parcel | grep -c '^Running')" = 2 ]; do sleep 0.5; done
