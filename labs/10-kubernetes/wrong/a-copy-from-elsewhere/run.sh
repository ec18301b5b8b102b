kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl rollout status deployment/parcel-extra --timeout 60s
