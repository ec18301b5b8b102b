kubectl apply --filename parcel.yaml
kubectl wait --for jsonpath='{.status.readyReplicas}'=3 replicaset/parcel --timeout 60s
kubectl set image replicaset/parcel parcel=drydock/parcel:2.0
