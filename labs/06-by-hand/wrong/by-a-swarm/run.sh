docker -H tcp://host-1:2375 swarm init --advertise-addr eth0 --listen-addr eth0
token=$(docker -H tcp://host-1:2375 swarm join-token --quiet worker)
for n in 2 3 4 5; do
    docker -H tcp://host-$n:2375 swarm join --advertise-addr eth0 --listen-addr eth0 --token "$token" host-1:2377
done
docker -H tcp://host-1:2375 service create --quiet --detach --name parcel --mode global --no-resolve-image \
    --publish mode=host,published=8080,target=8080 drydock/parcel:1.0
until [ "$(docker -H tcp://host-1:2375 service ps --format '{{.CurrentState}}' parcel | grep -c '^Running')" = 5 ]; do sleep 0.5; done
