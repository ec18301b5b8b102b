kubectl apply --filename parcel.yaml
until kubectl get pods | grep -q CreateContainerConfigError; do sleep 0.5; done
