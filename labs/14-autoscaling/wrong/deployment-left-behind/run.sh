# First as it was given, a Deployment.
sed 's/StatefulSet/Deployment/; /podManagementPolicy/d' parcel.yaml | kubectl apply --filename -
kubectl rollout status deployment/parcel --timeout 60s
kubectl apply --filename parcel.yaml
kubectl rollout status statefulset/parcel --timeout 60s
