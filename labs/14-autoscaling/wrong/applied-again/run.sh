kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl wait --for condition=ScalingActive horizontalpodautoscaler/parcel --timeout 90s
docker kill --signal USR1 drydock-14-traffic-1
# As a pipeline would, for each commit.
n=0
until kubectl apply --filename parcel.yaml | grep -q 'deployment.apps/parcel configured'; do
    n=$((n + 1))
    test "$n" -lt 45
    sleep 3
done
sleep 1
