docker run -d --name tariff-v1 --network host drydock/tariff:1.0
docker run -d --name tariff-v2 --network host drydock/tariff:2.0
docker run -d --name cruncher --network host --memory 128m --cpus 0.5 drydock/cruncher:1.0
