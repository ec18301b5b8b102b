# From the start, whatever is there.
docker ps --all --quiet --filter label=io.drydock.lab=04 --filter ancestor=drydock/parcel:1.0 | xargs -r docker rm -f
docker ps --all --quiet --filter label=io.drydock.lab=04 --filter ancestor=drydock/vm:1.0 \
    --filter name='^/vm-' | xargs -r docker rm -f

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
    docker stats --no-stream --format '{{.MemUsage}}' "$1" \
        | awk '{ n = $1 + 0; if ($1 ~ /GiB/) n *= 1024; if ($1 ~ /KiB/) n /= 1024; print n }'
}
disk() {
    docker ps --size --filter "name=^/$1\$" --format '{{.Size}}' \
        | awk '{ n = $1 + 0; if ($1 ~ /GB/) n *= 1000; else if ($1 ~ /kB/) n /= 1000; else if ($1 !~ /MB/) n /= 1e6; print n }'
}

box_s=$(first_answer box-1 -p 8041:8080 --no-healthcheck drydock/parcel:1.0)
vm_s=$(first_answer vm-1 -p 8042:8080 $(cat /vm/options) drydock/vm:1.0)
box_mib=$(memory box-1)
vm_mib=$(memory vm-1)
containers=$(echo "$box_mib" | awk '{ print int(512 / $1) }')
vms=$(echo "$vm_mib" | awk '{ print int(512 / $1) }')

cat > measurements.toml << SHEET
[container]
first_answer_s = $box_s
memory_mib = $box_mib
disk_mb = $(disk box-1)

[vm]
first_answer_s = $vm_s
memory_mib = $vm_mib
disk_mb = $(disk vm-1)

[shelf]
containers = $containers
vms = $vms
SHEET

# The shelves. The engine would look into each box every five seconds; with so many, that costs more than they do.
for n in $(seq 2 "$vms"); do
    docker run -d --network drydock-04_lab --name "vm-$n" $(cat /vm/options) drydock/vm:1.0
done
for n in $(seq 2 "$containers"); do
    docker run -d --network drydock-04_lab --name "box-$n" --no-healthcheck drydock/parcel:1.0
done
for n in $(seq 1 "$vms"); do
    until curl -s -m 2 -o /dev/null "http://vm-$n:8080/"; do sleep 0.1; done
done
