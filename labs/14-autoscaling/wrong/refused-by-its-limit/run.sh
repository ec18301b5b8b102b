kubectl apply --filename parcel.yaml || true
