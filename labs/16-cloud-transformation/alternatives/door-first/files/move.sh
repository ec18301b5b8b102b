# Users get their new address before anything is moved. What is behind it changes later.
set -eu

docker save drydock/front:1.0 | docker --context rented load
door() {
    docker --context rented rm --force door
    docker --context rented run --detach --name door --restart always --network office --publish 8080:8080 \
        --env "DRYDOCK_FRONT_TO=$1" drydock/front:1.0
}
# The engine of the rented machine asks nobody else for a name without a dot.
door "$(getent ahostsv4 old | sed -n '1s/ .*//p'):8080"
timeout 60 sh -c "until curl -sf http://rented:8080/; do sleep 0.2; done"
echo rented:8080 > address

ssh old office readonly
ssh old tar -C /srv/office/data -c . | docker --context rented run --rm --interactive --volume office:/data \
    office:1.0 tar -C /data -x
sh open.sh
door office:8080
timeout 60 sh -c "until curl -sf http://rented:8080/; do sleep 0.2; done"
ssh old poweroff
