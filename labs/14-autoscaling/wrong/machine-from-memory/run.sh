kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
kubectl wait --for condition=ScalingActive horizontalpodautoscaler/parcel --timeout 90s
bash tide.sh 0 | tee tide.txt
machine=40
copy() { sed -nE 's/^ *([0-9]+) s +parcel: ([0-9]+) wanted, ([0-9]+) ready.*/\1 \2 \3/p' tide.txt | awk "\$$1 > 2 { print \$1; exit }"; }
printf '[copy]\nwanted_s = %s\nready_s = %s\n[machine]\nanswered_s = %s\n' "$(copy 2)" "$(copy 3)" "$machine" > measurements.toml
