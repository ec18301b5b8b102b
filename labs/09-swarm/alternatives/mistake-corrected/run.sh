docker secret create seal seal.key
# A health check by a program that the image does not have: the copies end, again and again.
docker service create --quiet --detach --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --health-cmd 'curl -f http://localhost:8080/readyz' --health-interval 1s --health-retries 2 \
    --update-order start-first drydock/parcel:1.0
until [ "$(docker service ps --filter desired-state=shutdown --quiet parcel | wc -l)" -ge 4 ]; do sleep 1; done
docker service update --quiet --update-order stop-first --update-parallelism 0 \
    --health-cmd 'python3 -I -S /app/health.py /readyz' parcel
docker service update --quiet --update-order start-first --update-parallelism 1 --image drydock/parcel:2.0 parcel
