# Moves the data while nothing is written, and then the users.
set -eu

ssh old office readonly
ssh old tar -C /srv/office/data -c . | docker --context rented run --rm --interactive --volume office:/data \
    office:1.0 tar -C /data -x
sh open.sh
echo rented:8080 > address
ssh old poweroff
