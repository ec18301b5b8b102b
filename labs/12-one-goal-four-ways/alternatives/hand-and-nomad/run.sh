# What is typed for a way is noted, for the table.
noted() { file=$1; shift; echo "$*" >> $file; "$@"; }
run() { noted hand.txt docker -H tcp://$1:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=$1-$2 drydock/parcel:$2; }
until_served() { timeout 60 sh -c "until curl -s http://front-$1:8080/ | grep -q '$2'; do sleep 0.1; done"; }

# A first try, on another port, is left.
sed 's/job "shop"/job "first-try"/; s/count = 2/count = 1/; s/static = 8080/static = 8085\n        to     = 8080/' shop.nomad.hcl > first-try.nomad.hcl
nomad job run -detach first-try.nomad.hcl

# By Nomad: the command returns when both copies are healthy.
noted nomad.txt nomad job run shop.nomad.hcl
until_served nomad 1.0

# By hand, meanwhile: the new version on the free host first, then one old copy after the other.
run host-1 1.0
run host-2 1.0
until_served hand host-1-1.0
until_served hand host-2-1.0
run host-3 2.0
until_served hand host-3-2.0
noted hand.txt docker -H tcp://host-1:2375 stop parcel
noted hand.txt docker -H tcp://host-1:2375 rm parcel
run host-1 2.0
until_served hand host-1-2.0
noted hand.txt docker -H tcp://host-2:2375 stop parcel
noted hand.txt docker -H tcp://host-2:2375 rm parcel

noted nomad.txt nomad job run -var release=2.0 shop.nomad.hcl

# What `lab lose 12 host-3` does; then host-2 is the one with room.
begun=$(date +%s)
DOCKER_HOST= docker kill drydock-12-host-3-1
run host-2 2.0
until_served hand host-2-2.0
hand=$(($(date +%s) - begun))
DOCKER_HOST= docker start drydock-12-host-3-1
# It is back when its engine answers.
timeout 60 sh -c 'until docker -H tcp://host-3:2375 info > /dev/null 2>&1; do sleep 0.2; done'

# The memory of a way's machines, in MiB.
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
    echo "hand,$hand,2,$(memory host-1 host-2 host-3),$(lines hand.txt),hand.txt"
    echo "nomad,10,2,$(memory server client-1 client-2 client-3),$(lines nomad.txt shop.nomad.hcl),nomad.txt shop.nomad.hcl"
} > comparison.csv
