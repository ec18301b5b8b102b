kubectl create namespace post
kubectl apply --kustomize v1
kubectl rollout status deployment/parcel --namespace post --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl apply --kustomize v2
kubectl rollout status deployment/parcel --namespace post --timeout 90s
