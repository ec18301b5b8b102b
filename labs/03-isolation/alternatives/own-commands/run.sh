docker run -d --name tariff-v1 -w /usr/bin --cap-drop ALL --user 10002:10002 -p 8091:7070 drydock/tariff:1.0 python3 -u tariff-v1
docker run -d --name tariff-v2 --init -p 8092:7070 drydock/tariff:2.0 sh -c 'cd /usr/bin && exec ./tariff-v2'
# Without a log, and started a second time after it met its limit.
docker run -d --name cruncher --init --log-driver none -w /app -p 8093:7070 --memory 128m --cpus 0.5 --entrypoint python3 drydock/cruncher:1.0 cruncher.py
timeout 60 sh -c 'until curl -fsS http://host.docker.internal:8093/ | jq -e ".killed > 0"; do sleep 0.5; done'
docker restart --time 1 cruncher
