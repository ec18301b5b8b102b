# Tries the office on the rented engine with data of its own, before anything is moved.
set -eu

docker --context rented run --detach --name trial --network office --env-file office.env --publish 8080:8080 office:1.0
timeout 60 sh -c "until curl -sf http://rented:8080/; do sleep 0.2; done"
