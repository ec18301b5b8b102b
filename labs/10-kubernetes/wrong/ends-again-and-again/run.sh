kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
# Each copy has ended twice, and is ready again.
restarts() { kubectl get pods --output jsonpath='{.items[*].status.containerStatuses[0].restartCount}'; }
until [ "$(restarts)" = "2 2 2" ]; do sleep 0.5; done
kubectl wait --for condition=Ready pod --selector app=parcel --timeout 30s
