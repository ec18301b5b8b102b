kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
sed '/^---/,$d; s|parcel:1.0|parcel:2.0|; s|: parcel$|: parcel-v2|' parcel.yaml > parcel-v2.yaml
kubectl apply --filename parcel-v2.yaml
kubectl rollout status deployment/parcel-v2 --timeout 60s
