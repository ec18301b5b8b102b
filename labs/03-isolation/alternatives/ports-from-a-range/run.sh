docker run -d --cpus 0.1 --name tariff-v1 -p 8091-8093:7070 drydock/tariff:1.0
docker run -d --name tariff-v2 -p 8091-8093:7070 drydock/tariff:2.0
docker run -d --name cruncher -p 8091-8093:7070 --memory 128m --cpus 0.5 drydock/cruncher:1.0
