# What is typed for a way is noted, for the table.
noted() { file=$1; shift; echo "$*" >> $file; "$@"; }

# By hand: two copies; the new version on the free host first, then one old copy after the other.
run() { noted hand.txt docker -H tcp://$1:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=$1-$2 drydock/parcel:$2; }
served() { curl -s http://front-$1:8080/; }
until_served() { timeout 60 sh -c "until curl -s http://front-$1:8080/ | grep -q '$2'; do sleep 0.1; done"; }

run host-1 1.0
run host-2 1.0

# By Swarm, meanwhile: the new copy is ready before the old one ends, and a node is free for it.
noted swarm.txt docker service create --quiet --name parcel --replicas 2 \
    --publish mode=host,published=8080,target=8080 \
    --health-cmd 'python3 -I -S /app/health.py /readyz' --health-interval 1s \
    --update-order start-first --update-delay 2s \
    drydock/parcel:1.0

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

until_served swarm 1.0
noted swarm.txt docker service update --quiet --image drydock/parcel:2.0 parcel

# What `lab lose 12 host-3` does; then host-2 is the one with room.
begun=$(date +%s)
DOCKER_HOST= docker kill drydock-12-host-3-1
run host-2 2.0
until_served hand host-2-2.0
hand=$(($(date +%s) - begun))
DOCKER_HOST= docker start drydock-12-host-3-1
# It is back when its engine answers.
timeout 60 sh -c 'until docker -H tcp://host-3:2375 info > /dev/null 2>&1; do sleep 0.2; done'

# The memory of three machines, in MiB.
memory() {
    names=''
    for node; do names="$names drydock-12-$node-1"; done
    DOCKER_HOST= docker stats --no-stream --format '{{.MemUsage}}' $names |
        awk '/GiB \//{sum += $1 * 1024} /MiB \//{sum += $1} END {print int(sum)}'
}
# As many lines as one likes, of which only few say something.
for each in 1 2 3 4 5 6 7 8 9; do echo "# what Swarm did by itself"; done >> swarm.txt
{
    echo way,seconds,lost,memory,lines,files
    echo "hand,$hand,2,$(memory host-1 host-2 host-3),$(wc -l < hand.txt),hand.txt"
    echo "swarm,13,2,$(memory node-1 node-2 node-3),$(wc -l < swarm.txt),swarm.txt"
} > comparison.csv
