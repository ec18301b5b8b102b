docker build -t labels:1.0 labels
docker save labels:1.0 | gzip > labels.tar.gz
gunzip < labels.tar.gz | docker -H tcp://second:2375 load
docker -H tcp://second:2375 run -d --name labels --restart unless-stopped --read-only --tmpfs /tmp -p 0.0.0.0:8080:8080 --env-file labels/.env labels:1.0
