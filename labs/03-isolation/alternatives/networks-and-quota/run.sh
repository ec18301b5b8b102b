# Stricter than asked: none can reach another even by address, and each ledger outlives its container.
for name in tariff-v1 tariff-v2 cruncher; do docker network create "$name-net"; done
docker run -d --name tariff-v1 -p 127.0.0.1:8091:7070 --network tariff-v1-net -v ledger-v1:/var/lib/tariff --restart always drydock/tariff:1.0
docker run -d --name tariff-v2 -p 127.0.0.1:8092:7070 --network tariff-v2-net -v ledger-v2:/var/lib/tariff --restart always drydock/tariff:2.0
docker run -d --name cruncher -p 127.0.0.1:8093:7070 --network cruncher-net --restart on-failure:5 \
  --memory 256m --memory-swap 256m --cpu-period 50000 --cpu-quota 25000 drydock/cruncher:1.0
