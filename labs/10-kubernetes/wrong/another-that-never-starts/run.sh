kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until kubectl get pods | grep -q ImagePullBackOff; do sleep 0.5; done
