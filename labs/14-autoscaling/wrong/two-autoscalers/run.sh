kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl autoscale deployment/parcel --name more --min 2 --max 6 --cpu 60%
