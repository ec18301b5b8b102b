kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl set image deployment/parcel parcel=parcel:2.0
until kubectl get pods | grep -q ImagePullBackOff; do sleep 0.5; done
