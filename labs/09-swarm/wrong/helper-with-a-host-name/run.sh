docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal drydock/parcel:1.0
docker service create --quiet --name helper --hostname helper \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal drydock/parcel:1.0
until curl -sf http://front:8080/ | grep -q '"instance": "helper"'; do sleep 0.2; done
docker service update --quiet --image drydock/parcel:2.0 parcel
until curl -sf http://front:8080/ | grep -q '"version": "2.0"'; do sleep 0.2; done
docker service rm helper
