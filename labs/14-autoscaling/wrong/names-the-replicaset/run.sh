sed '/^apiVersion: autoscaling/,$d' parcel.yaml | kubectl apply --filename -
kubectl rollout status deployment/parcel --timeout 60s
kubectl autoscale "$(kubectl get replicasets --selector app=parcel --output name)" --name parcel --min 2 --max 6 --cpu 60%
