while sleep 1; do
    docker ps --quiet --filter health=unhealthy | xargs --no-run-if-empty timeout 20 docker restart --time 1
done
