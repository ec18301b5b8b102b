ready() { kubectl wait --for jsonpath='{.status.ready}'=3 "job/$1" --timeout 60s; }
kubectl apply --filename old.yaml
ready parcel-1
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl apply --filename new.yaml
ready parcel-2
kubectl delete job parcel-1
sleep 5
