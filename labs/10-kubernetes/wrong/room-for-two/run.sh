kubectl create quota room --hard pods=2
kubectl apply --filename parcel.yaml
kubectl wait --for jsonpath='{.status.readyReplicas}'=2 deployment/parcel --timeout 60s
