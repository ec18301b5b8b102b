docker secret create seal seal.key
# The constraint keeps node-3 free until it is lost.
docker service create --quiet --name parcel --replicas 2 --constraint node.hostname!=node-3 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --update-order start-first drydock/parcel:1.0
# What `lab lose 9 node-3` does.
DOCKER_HOST= docker kill drydock-09-node-3-1
timeout 60 sh -c "until docker node ls | grep -q Down; do sleep 0.2; done"
docker service update --quiet --detach --constraint-rm node.hostname!=node-3 --image drydock/parcel:2.0 parcel
timeout 60 sh -c "until docker service ps --no-trunc --format '{{.Error}}' parcel | grep -q 'no suitable node'; do sleep 0.2; done"
