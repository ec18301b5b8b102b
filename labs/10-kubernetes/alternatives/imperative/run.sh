# What is beside the service, of another version and on the same nodes, is nobody's business.
kubectl apply --filename practice.yaml
kubectl create deployment parcel --image drydock/parcel:1.0 --replicas 4 --port 8080
kubectl set resources deployment parcel --requests cpu=20m,memory=30Mi --limits cpu=500m,memory=128Mi
kubectl patch deployment parcel --type json --patch '[
  {"op": "add", "path": "/spec/template/spec/containers/0/startupProbe",
   "value": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1, "failureThreshold": 30}},
  {"op": "add", "path": "/spec/template/spec/containers/0/readinessProbe",
   "value": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 2}},
  {"op": "add", "path": "/spec/template/spec/containers/0/livenessProbe",
   "value": {"exec": {"command": ["python3", "-I", "-S", "/app/health.py"]}, "periodSeconds": 10, "timeoutSeconds": 3}},
  {"op": "add", "path": "/spec/template/spec/containers/0/lifecycle",
   "value": {"preStop": {"exec": {"command": ["sleep", "3"]}}}}
]'
kubectl create service nodeport web --tcp 8080:8080 --node-port 30080
kubectl set selector service web app=parcel
kubectl rollout status deployment/parcel --timeout 90s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl set image deployment/parcel parcel=drydock/parcel:2.0
kubectl rollout status deployment/parcel --timeout 120s
