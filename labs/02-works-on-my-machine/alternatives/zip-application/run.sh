docker buildx build --load -t labels:1.0 labels
docker save labels:1.0 | docker -H tcp://second:2375 load
. labels/.env
export LABELS_KEY
docker -H tcp://second:2375 run --init -d --name labels -p 8080:8080 -e LABELS_KEY labels:1.0
