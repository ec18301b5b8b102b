kubectl apply --filename parcel.yaml
until kubectl get pods | grep -q ImagePullBackOff; do sleep 0.5; done
