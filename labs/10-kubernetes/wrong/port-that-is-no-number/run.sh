kubectl apply --filename parcel.yaml
until kubectl get pods | grep -q CrashLoopBackOff; do sleep 0.5; done
