docker service create --quiet --name parcel --replicas 2 --restart-condition none \
    --publish mode=host,published=8080,target=8080 \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --update-order start-first --update-delay 2s drydock/parcel:1.0
until curl -sf http://front-swarm:8080/ | grep -q '"version": "1.0"'; do sleep 0.2; done
sleep 2
docker service update --quiet --image drydock/parcel:2.0 parcel
