kubectl create deployment parcel --image parcel:1.0 --replicas 2
timeout 60 sh -c 'until kubectl get pods | grep -qE "ErrImage|ImagePull"; do sleep 0.5; done'
