ready() { kubectl wait --for jsonpath='{.status.readyReplicas}'=3 "replicationcontroller/$1" --timeout 60s; }
kubectl apply --filename old.yaml
ready parcel-1
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl apply --filename new.yaml
ready parcel-2
# From one moment to the next, users are led to the new copies; the old ones go when every node has heard of it.
kubectl set selector service parcel release=2
sleep 3
kubectl delete replicationcontroller parcel-1
