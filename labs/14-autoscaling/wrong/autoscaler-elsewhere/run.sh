kubectl create namespace shop
sed '/^apiVersion: autoscaling/,$d' parcel.yaml | kubectl apply --namespace shop --filename -
sed -n '/^apiVersion: autoscaling/,$p' parcel.yaml | kubectl apply --filename -
kubectl rollout status --namespace shop deployment/parcel --timeout 60s
