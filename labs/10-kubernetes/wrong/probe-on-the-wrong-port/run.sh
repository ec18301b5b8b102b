kubectl apply --filename parcel.yaml
# The copies run and the probe was asked; then it is as it stays.
until kubectl get events | grep -q 'Readiness probe failed'; do sleep 0.5; done
