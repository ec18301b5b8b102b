kubectl apply --filename parcel.yaml
kubectl wait --for condition=Ready pod --selector app=parcel --timeout 60s
