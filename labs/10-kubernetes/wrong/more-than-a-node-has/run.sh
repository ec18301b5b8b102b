kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl set image deployment/parcel parcel=drydock/parcel:2.0
kubectl rollout status deployment/parcel --timeout 90s
kubectl set resources deployment/parcel --requests cpu=100,memory=32Mi
kubectl rollout status deployment/parcel --timeout 6s || true
