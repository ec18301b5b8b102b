kubectl create configmap own --from-file serve.py
kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
