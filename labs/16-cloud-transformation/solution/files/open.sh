# Opens the office on the rented engine, with the job in a container of its own.
set -eu

run="docker --context rented run --detach --restart always --network office --env-file office.env --volume office:/data"
$run --name office --publish 8080:8080 office:1.0
$run --name statements office:1.0 sh job.sh
timeout 60 sh -c "until curl -sf http://rented:8080/; do sleep 0.2; done"
