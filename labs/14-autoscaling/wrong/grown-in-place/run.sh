kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl wait --for jsonpath='{.status.readyReplicas}'=2 deployment/parcel --timeout 90s
busiest=$(kubectl get pods --selector app=parcel --output name | tail -n 1)
kubectl patch "$busiest" --subresource resize --patch '{"spec": {"containers": [{"name": "parcel", "resources": {"limits": {"cpu": "1"}}}]}}'
