docker run -d --name tariff-v1 -p 8091:7070 drydock/tariff:1.0
docker run -d --name tariff-v2 -p 8092:7070 drydock/tariff:2.0
docker run -d --name cruncher -p 8093:7070 drydock/cruncher:1.0
# Where memory is in use already, an engine on cgroup version 1 refuses a lower limit: wait for the neighbour's rest.
tries=60
until docker update --memory 64m --memory-swap 64m --cpuset-cpus 0 cruncher; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ]
  sleep 1
done
