kubectl create deployment parcel --image drydock/parcel:1.0 --replicas 2
kubectl patch deployment parcel --patch '
spec:
  template:
    metadata: {labels: {serves: users}}
    spec:
      topologySpreadConstraints:
        - {topologyKey: kubernetes.io/hostname, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: parcel}}}
      containers:
        - name: parcel
          readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
          lifecycle: {preStop: {sleep: {seconds: 3}}}
'
kubectl create service nodeport parcel --tcp 80:8080 --node-port 30080
kubectl set selector service parcel app=parcel,serves=users
kubectl rollout status deployment/parcel --timeout 60s
timeout 60 sh -c "until curl -s http://front-kubernetes:8080/ | grep -q 1.0; do sleep 0.1; done"
sleep 3
for pod in $(kubectl get pods --selector serves=users --output name); do
    # Users are led to the other one while its container is replaced.
    kubectl label "$pod" serves- > /dev/null
    sleep 3
    kubectl set image "$pod" parcel=drydock/parcel:2.0
    kubectl wait --for jsonpath='{.status.containerStatuses[0].restartCount}'=1 "$pod" --timeout 30s
    kubectl wait --for condition=Ready "$pod" --timeout 30s
    kubectl label "$pod" serves=users > /dev/null
    sleep 3
done
