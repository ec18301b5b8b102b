kubectl apply --filename parcel.yaml
until kubectl get events | grep -q FailedMount; do sleep 0.5; done
