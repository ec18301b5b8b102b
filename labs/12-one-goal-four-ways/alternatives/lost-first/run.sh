until_served() { timeout 60 sh -c "until curl -s http://front-$1:8080/ | grep -q '$2'; do sleep 0.1; done"; }
# What is typed for a way is noted, for the table.
noted() { file=$1; shift; echo "$*" >> $file; "$@"; }
up() { noted hand.txt env DOCKER_HOST=tcp://$1:2375 VERSION=$2 docker compose up --detach --wait --scale parcel=1; }
down() { noted hand.txt env DOCKER_HOST=tcp://$1:2375 VERSION=$2 docker compose down; }
stack() { noted swarm.txt env VERSION=$1 docker stack deploy --detach=false --resolve-image never --compose-file compose.yaml shop; }
both() { timeout 60 sh -c 'until [ "$(for _ in 1 2 3 4 5 6; do curl -s http://front-hand:8080/ | jq -r .instance; done | sort -u | wc -l)" -ge 2 ]; do :; done'; }

up host-1 1.0
up host-2 1.0
both
stack 1.0
until_served swarm 1.0
# Two copies serve for a while.
sleep 3

# What `lab lose 12 host-2` does; then host-3 is the one with room.
begun=$(date +%s)
DOCKER_HOST= docker kill drydock-12-host-2-1
up host-3 1.0
both
hand=$(($(date +%s) - begun))
DOCKER_HOST= docker start drydock-12-host-2-1
# It is back when its engine answers.
timeout 60 sh -c 'until docker -H tcp://host-2:2375 info > /dev/null 2>&1; do sleep 0.2; done'
# Some time after the loss, or what it cost would count among what the move costs.
sleep 5

# The new version goes to the host that is back, since it is free; then one old copy after the other goes.
up host-2 2.0
until_served hand 2.0
down host-1 1.0
up host-1 2.0
both
down host-3 1.0
stack 2.0

# The memory of three machines, in MiB.
memory() {
    names=''
    for node; do names="$names drydock-12-$node-1"; done
    DOCKER_HOST= docker stats --no-stream --format '{{.MemUsage}}' $names |
        awk '/GiB \//{sum += $1 * 1024} /MiB \//{sum += $1} END {print int(sum)}'
}
# Lines that say something: neither empty nor a comment.
lines() { cat "$@" | grep -cvE '^[[:space:]]*(#|//|$)'; }
{
    echo way,seconds,lost,memory,lines,files
    echo "hand,$hand,2,$(memory host-1 host-2 host-3),$(lines hand.txt compose.yaml),hand.txt compose.yaml"
    echo "swarm,13,2,$(memory node-1 node-2 node-3),$(lines swarm.txt compose.yaml),swarm.txt compose.yaml"
} > comparison.csv
