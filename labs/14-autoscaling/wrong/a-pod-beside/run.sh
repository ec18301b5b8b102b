kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl run extra --image drydock/parcel:1.0 --labels app=parcel --port 8080
kubectl wait --for condition=Ready pod/extra --timeout 60s
