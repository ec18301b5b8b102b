kubectl apply --filename parcel.yaml
kubectl create deployment extra --image drydock/parcel:1.0
kubectl rollout status deployment/parcel --timeout 60s
kubectl rollout status deployment/extra --timeout 60s
kubectl apply --filename - <<END
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: parcel-extra
  labels:
    kubernetes.io/service-name: parcel
addressType: IPv4
ports:
  - name: ""
    port: 8080
endpoints:
  - addresses: ["$(kubectl get pods --selector app=extra --output jsonpath='{.items[0].status.podIP}')"]
END
