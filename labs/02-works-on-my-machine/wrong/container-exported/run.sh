docker build --tag labels:1.0 labels
docker create --name packed -e LABELS_KEY=none labels:1.0
docker export packed | docker -H tcp://second:2375 import - labels:1.0
