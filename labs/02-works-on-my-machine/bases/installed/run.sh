docker build --tag labels:1.0 labels
docker save labels:1.0 | docker -H tcp://second:2375 load
docker -H tcp://second:2375 run -d --name labels -p 8080:8080 --env-file labels/.env labels:1.0
