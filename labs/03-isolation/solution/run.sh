# From the start, whatever is there: a name and a port can be had once.
docker rm -f tariff-v1 tariff-v2 cruncher
# The same port inside, another one of this machine for each; the neighbour's limits are the engine's to enforce.
docker run -d --name tariff-v1 -p 8091:7070 drydock/tariff:1.0
docker run -d --name tariff-v2 -p 8092:7070 drydock/tariff:2.0
docker run -d --name cruncher -p 8093:7070 --memory 128m --cpus 0.5 drydock/cruncher:1.0
