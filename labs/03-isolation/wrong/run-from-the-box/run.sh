docker run -d --name tariff-v1 -p 8091:7070 drydock/tariff:box sh -c 'dpkg -i postage_1.4_all.deb tariff-v1_1.0_all.deb && exec tariff-v1'
docker run -d --name tariff-v2 -p 8092:7070 drydock/tariff:box sh -c 'dpkg -i postage_2.1_all.deb tariff-v2_2.0_all.deb && exec tariff-v2'
docker run -d --name cruncher -p 8093:7070 --memory 128m --cpus 0.5 drydock/cruncher:1.0
