docker run -d --name tariff-v1 -p 8091:7070 drydock/tariff:1.0
docker run -d --name tariff-v2 -p 8092:7070 drydock/tariff:2.0
docker run -d --name cruncher -p 8093:7070 --memory 8m --cpus 0.5 drydock/cruncher:1.0
timeout 20 sh -c 'until docker inspect --format "{{.State.OOMKilled}}" cruncher | grep true; do sleep 0.2; done'
