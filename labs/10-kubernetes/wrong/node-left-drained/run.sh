kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl drain worker-2 --ignore-daemonsets --timeout 60s
