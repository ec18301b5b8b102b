docker service create --quiet --name practice --replicas 2 \
    --publish mode=host,published=8080,target=8080 drydock/parcel:1.0
timeout 60 sh -c "until curl -s http://front:8080/ | grep -q '1.0'; do sleep 0.1; done"
docker service update --quiet --image drydock/parcel:2.0 practice
timeout 60 sh -c "until curl -s http://front:8080/ | grep -q '2.0'; do sleep 0.1; done"
docker service rm practice
# Its copies hold the port a little longer.
timeout 60 sh -c 'until [ -z "$(docker -H tcp://node-1:2375 ps --quiet)$(docker -H tcp://node-2:2375 ps --quiet)$(docker -H tcp://node-3:2375 ps --quiet)" ]; do sleep 0.2; done'
docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' \
    --update-order start-first --update-delay 2s \
    drydock/parcel:1.0
