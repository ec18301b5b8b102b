kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 120s
