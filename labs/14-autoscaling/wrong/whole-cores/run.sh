kubectl apply --filename parcel.yaml
