docker run -d --name tariff-v1 -p 8091:7070 --memory 64m --cpus 0.5 drydock/tariff:1.0
docker run -d --name tariff-v2 -p 8092:7070 --memory 64m --cpus 0.5 --read-only --tmpfs /var/lib/tariff:mode=1777 drydock/tariff:2.0
docker run -d --name cruncher -p 8093:7070 --memory 64m --cpus 1 --pids-limit 64 --cap-drop ALL drydock/cruncher:1.0
