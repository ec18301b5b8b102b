kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl wait --for condition=ScalingActive horizontalpodautoscaler/parcel --timeout 90s
bash tide.sh 0
