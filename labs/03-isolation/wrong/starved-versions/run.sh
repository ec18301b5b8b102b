docker run -d --name tariff-v1 -p 8091:7070 drydock/tariff:1.0
docker run -d --name tariff-v2 -p 8092:7070 drydock/tariff:2.0
for name in tariff-v1 tariff-v2; do
  timeout 30 sh -c "until docker logs $name | grep -q listens; do sleep 0.2; done"
  docker update --cpus 0.015 "$name"
done
docker run -d --name cruncher -p 8093:7070 --memory 128m --cpus 0.5 drydock/cruncher:1.0
