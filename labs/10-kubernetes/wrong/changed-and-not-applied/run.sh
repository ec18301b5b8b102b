kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
sed -i 's|drydock/parcel:1.0|drydock/parcel:2.0|' parcel.yaml
