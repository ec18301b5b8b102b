kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl taint nodes worker-2 trial=yes:NoSchedule
