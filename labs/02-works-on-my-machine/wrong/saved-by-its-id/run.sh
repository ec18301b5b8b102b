docker build --tag labels:1.0 labels
docker save $(docker image inspect --format '{{.Id}}' labels:1.0) | docker -H tcp://second:2375 load
