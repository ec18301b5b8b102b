kubectl apply --filename practice.yaml
kubectl rollout status deployment/practice --timeout 60s
# A number, where text is wanted: the Deployment is refused, and the service behind it is made.
kubectl apply --filename parcel.yaml || true
kubectl get service parcel
