sed '/resources:/,/memory: 96Mi/d' parcel.yaml | kubectl apply --filename -
kubectl rollout status deployment/parcel --timeout 60s
kubectl rollout pause deployment/parcel
kubectl apply --filename parcel.yaml
