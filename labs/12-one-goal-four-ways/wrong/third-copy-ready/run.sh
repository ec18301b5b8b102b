run() { docker -H tcp://$1:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=$1-$2 drydock/parcel:$2; }
until_served() { timeout 60 sh -c "until curl -s http://front-$1:8080/ | grep -q '$2'; do sleep 0.1; done"; }

run host-1 1.0
run host-2 1.0
until_served hand host-1-1.0
until_served hand host-2-1.0
run host-3 2.0
until_served hand host-3-2.0
docker -H tcp://host-1:2375 stop parcel
docker -H tcp://host-1:2375 rm parcel
run host-1 2.0
until_served hand host-1-2.0
docker -H tcp://host-2:2375 stop parcel
docker -H tcp://host-2:2375 rm parcel

# One more than the goal asks for, so that the loss will not be felt.
run host-2 2.0
until_served hand host-2-2.0

# Some time after the move, or the loss would count among what the move cost.
sleep 10
# What `lab lose 12 host-3` does.
DOCKER_HOST= docker kill drydock-12-host-3-1
