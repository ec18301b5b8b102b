docker secret create seal seal.key
docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --env-file parcel.env --secret seal \
    --update-order start-first --update-failure-action rollback drydock/parcel:1.0
# The new rules have a mistake: the image has no curl.
docker service update --quiet --image drydock/parcel:2.0 \
    --health-cmd 'curl -f http://localhost:8080/readyz' --health-interval 1s --health-retries 2 parcel || true
until docker service inspect --format '{{.UpdateStatus.State}}' parcel | grep -q rollback_completed; do sleep 0.5; done
