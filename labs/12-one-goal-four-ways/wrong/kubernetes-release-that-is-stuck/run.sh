kubectl create deployment parcel --image drydock/parcel:1.0 --replicas 2
kubectl patch deployment parcel --patch '
spec:
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
'
kubectl rollout status deployment/parcel --timeout 60s
kubectl set image deployment/parcel parcel=drydock/parcel:2.1
timeout 60 sh -c 'until kubectl get pods | grep -qE "ErrImage|ImagePull"; do sleep 0.5; done'
