docker run -d --name tariff-v1 -p 8091:7070 drydock/tariff:1.0
docker run -d --name tariff-v2 -p 8092:7070 drydock/tariff:2.0
docker run -d --name cruncher -p 8093:7070 drydock/cruncher:1.0
docker rm --force cruncher
docker run -d --name neighbour -p 8093:7070 --memory 128m --cpus 0.5 drydock/cruncher:1.0
