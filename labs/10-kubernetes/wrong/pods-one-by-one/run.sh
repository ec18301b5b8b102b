kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
for pod in $(kubectl get pods --selector app=parcel --output name); do
    # Users are led to the others while its container is replaced.
    kubectl label "$pod" serves- > /dev/null
    sleep 3
    kubectl set image "$pod" parcel=drydock/parcel:2.0
    kubectl wait --for jsonpath='{.status.containerStatuses[0].restartCount}'=1 "$pod" --timeout 30s
    kubectl wait --for condition=Ready "$pod" --timeout 30s
    kubectl label "$pod" serves=users > /dev/null
    sleep 3
done
