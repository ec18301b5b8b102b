kubectl apply --namespace kube-system --filename parcel.yaml
kubectl rollout status deployment/parcel --namespace kube-system --timeout 60s
