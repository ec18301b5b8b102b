kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl set env deployment/parcel PARCEL_VERSION-
kubectl rollout status deployment/parcel --timeout 90s
# The version before is gone for a few seconds, then the move is complete.
sleep 5
