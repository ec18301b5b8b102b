kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl wait --for condition=ScalingActive horizontalpodautoscaler/parcel --timeout 90s
docker kill --signal USR1 drydock-14-traffic-1
sleep 182
