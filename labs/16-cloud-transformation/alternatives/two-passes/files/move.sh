# Two passes, so that the office is closed only for what has changed since the first.
set -eu

take="docker --context rented run --rm --interactive --volume office:/data office:1.0 tar -C /data -x"

ssh old 'touch /tmp/first && tar -C /srv/office/data -c photos' | $take
# From here on nobody is served: the web program ends, and so does what the job writes.
ssh old 'office stop; office readonly'
ssh old 'cd /srv/office/data && { ls office.db*; find photos -type f -newer /tmp/first; } | tar -c -T -' | $take

export COMPOSE_PROJECT_NAME=office
docker --context rented compose up --detach
timeout 60 sh -c "until curl -sf http://rented:8080/; do sleep 0.2; done"
echo rented:8080 > address
ssh old poweroff
