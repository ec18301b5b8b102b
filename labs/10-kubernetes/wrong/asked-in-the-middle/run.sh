kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until curl --fail --silent http://front:8080/ > /dev/null; do sleep 0.2; done
sleep 4
kubectl patch deployment parcel --patch '
spec: {template: {spec: {containers: [{name: parcel, image: "drydock/parcel:2.0",
  env: [{name: PARCEL_READY_DELAY_MS, value: "200000"}]}]}}}'
# Nobody waits.
until kubectl get events | grep -q 'statuscode: 503'; do sleep 0.2; done
