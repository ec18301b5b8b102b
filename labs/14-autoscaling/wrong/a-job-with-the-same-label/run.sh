kubectl apply --filename parcel.yaml --filename job.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl wait --for condition=Complete job/once --timeout 60s
