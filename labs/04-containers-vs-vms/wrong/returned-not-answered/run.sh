timed() {
    began=$(date +%s%N)
    docker run -d --network drydock-04_lab "$@" > /dev/null
    echo $(($(date +%s%N) - began)) | awk '{ printf "%.2f\n", $1 / 1e9 }'
}
memory() {
    docker stats --no-stream --format '{{.MemUsage}}' "$1" | awk '{ print $1 + 0 }'
}
disk() {
    docker ps --size --filter "name=^/$1\$" --format '{{.Size}}' | awk '{ print $1 ~ /MB/ ? $1 + 0 : 0 }'
}
box_s=$(timed --name box-1 drydock/parcel:1.0)
vm_s=$(timed --name vm-1 $(cat /vm/options) drydock/vm:1.0)
cat > measurements.toml << SHEET
[container]
first_answer_s = $box_s
memory_mib = $(memory box-1)
disk_mb = 0
[vm]
first_answer_s = $vm_s
memory_mib = $(memory vm-1)
disk_mb = $(disk vm-1)
[shelf]
containers = 44
vms = 2
SHEET
