docker run -d --name tariff-v1 -v ledger:/var/lib/tariff -p 8091:7070 drydock/tariff:1.0
until curl -fsS -o /dev/null --max-time 1 http://127.0.0.1:8091/ || docker logs tariff-v1 | grep -q listens; do sleep 0.2; done
docker run -d --name tariff-v2 -v ledger:/var/lib/tariff -p 8092:7070 drydock/tariff:2.0
timeout 20 docker wait tariff-v2
docker run -d --name cruncher -p 8093:7070 --memory 128m --cpus 0.5 drydock/cruncher:1.0
