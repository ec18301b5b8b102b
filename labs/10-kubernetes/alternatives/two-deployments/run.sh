kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl rollout status deployment/parcel-spare --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
# The spare copy goes first; the others follow when it serves.
kubectl set image deployment/parcel-spare parcel=drydock/parcel:2.0
kubectl rollout status deployment/parcel-spare --timeout 90s
kubectl set image deployment/parcel parcel=drydock/parcel:2.0
kubectl rollout status deployment/parcel --timeout 120s
