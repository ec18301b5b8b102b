kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl wait --for condition=ScalingActive horizontalpodautoscaler/parcel --timeout 90s
bash tide.sh 0 | tee tide.txt
copy=$(sed -nE 's/^ *([0-9]+) s +parcel: [0-9]+ wanted, ([0-9]+) ready.*/\1 \2/p' tide.txt | awk '$2 > 2 { print $1; exit }')
printf '[copy]\nseconds = %s\n[machine]\nseconds = 40\n' "$copy" > measurements.toml
