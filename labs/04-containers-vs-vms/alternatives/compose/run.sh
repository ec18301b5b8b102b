# Prints the seconds from now to the first answer of a box that is started with these words.
first_answer() {
    name=$1
    began=$(date +%s%N)
    shift
    docker run -d --network drydock-04_lab --name "$name" "$@" > /dev/null
    until curl -s -m 2 -o /dev/null "http://$name:8080/"; do sleep 0.1; done
    echo $(($(date +%s%N) - began)) | awk '{ printf "%.2f\n", $1 / 1e9 }'
}
memory() {
    docker stats --no-stream --format '{{.MemUsage}}' "$1" | awk '{ print $1 + 0 }'
}
disk() {
    docker ps --size --filter "name=^/$1\$" --format '{{.Size}}' | awk '{ print $1 ~ /MB/ ? $1 + 0 : 0 }'
}
box_s=$(first_answer box-1 --no-healthcheck drydock/parcel:1.0)
vm_s=$(first_answer vm-1 $(cat /vm/options) drydock/vm:1.0)
box_mib=$(memory box-1)
vm_mib=$(memory vm-1)
containers=$(echo "$box_mib" | awk '{ print int(512 / $1) }')
vms=$(echo "$vm_mib" | awk '{ print int(512 / $1) }')
cat > measurements.toml << SHEET
[container]
first_answer_s = $box_s
memory_mib = $box_mib
disk_mb = 0
[vm]
first_answer_s = $vm_s
memory_mib = $vm_mib
disk_mb = $(disk vm-1)
[shelf]
containers = $containers
vms = $vms
SHEET
docker rm -f box-1 vm-1
accel=$(sed 's/.*VM_ACCEL=\([a-z]*\).*/\1/' /vm/options)
VM_ACCEL=$accel docker compose up --detach --quiet-pull --scale box="$containers" --scale vm="$vms"
for n in $(seq 1 "$vms"); do
    until [ "$(docker inspect --format '{{.State.Health.Status}}' "drydock-04-work-vm-$n")" = healthy ]; do sleep 0.2; done
done
