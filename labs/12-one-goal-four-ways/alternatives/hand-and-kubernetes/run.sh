until_served() { timeout 60 sh -c "until curl -s http://front-$1:8080/ | grep -q '$2'; do sleep 0.1; done"; }
# What is typed for a way is noted, for the table.
noted() { file=$1; shift; echo "$*" >> $file; "$@"; }
up() { noted hand.txt env DOCKER_HOST=tcp://$1:2375 VERSION=$2 docker compose up --detach --wait; }
down() { noted hand.txt env DOCKER_HOST=tcp://$1:2375 VERSION=$2 docker compose down; }
both() { timeout 60 sh -c 'until [ "$(for _ in 1 2 3 4 5 6; do curl -s http://front-hand:8080/ | jq -r .instance; done | sort -u | wc -l)" -ge 2 ]; do :; done'; }

noted kubernetes.txt kubectl create deployment parcel --image drydock/parcel:1.0 --replicas 2
noted kubernetes.txt kubectl patch deployment parcel --patch '
spec:
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    spec:
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: parcel}}}
      containers:
        - name: parcel
          readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
          lifecycle: {preStop: {sleep: {seconds: 3}}}
'
noted kubernetes.txt kubectl create service nodeport parcel --tcp 80:8080 --node-port 30080
kubectl rollout status deployment/parcel --timeout 60s

# The new version takes a host after the other, while the rest serves.
up host-1 1.0
up host-2 1.0
both
up host-3 2.0
until_served hand 2.0
down host-1 1.0
up host-1 2.0
both
down host-2 1.0
both

until_served kubernetes 1.0
noted kubernetes.txt kubectl set image deployment/parcel parcel=drydock/parcel:2.0
kubectl rollout status deployment/parcel --timeout 60s

# What `lab lose 12 host-1` does.
begun=$(date +%s)
DOCKER_HOST= docker kill drydock-12-host-1-1
up host-2 2.0
both
hand=$(($(date +%s) - begun))
DOCKER_HOST= docker start drydock-12-host-1-1
# It is back when its engine answers.
timeout 60 sh -c 'until docker -H tcp://host-1:2375 info > /dev/null 2>&1; do sleep 0.2; done'

# The memory of three machines, in MiB.
memory() {
    names=''
    for node; do names="$names drydock-12-$node-1"; done
    DOCKER_HOST= docker stats --no-stream --format '{{.MemUsage}}' $names |
        awk '/GiB \//{sum += $1 * 1024} /MiB \//{sum += $1} END {print int(sum)}'
}
# Lines that say something: neither empty nor a comment.
lines() { cat "$@" | grep -cvE '^[[:space:]]*(#|$)'; }
{
    echo way,seconds,lost,memory,lines,files
    echo "Kubernetes,16,2,$(memory control-plane worker-1 worker-2),$(lines kubernetes.txt),kubernetes.txt"
    echo "by hand,$hand,2,$(memory host-1 host-2 host-3),$(lines hand.txt compose.yaml),hand.txt compose.yaml"
} > comparison.csv
