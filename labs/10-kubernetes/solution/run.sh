# From the start, whatever is there.
kubectl delete deployments,statefulsets,daemonsets,pods --all --now > /dev/null
kubectl delete service parcel --ignore-not-found > /dev/null
kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
# Users ask version 1.0 for a while, so that there is something to move away from.
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
sed -i 's|drydock/parcel:1.0|drydock/parcel:2.0|' parcel.yaml
kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 90s
