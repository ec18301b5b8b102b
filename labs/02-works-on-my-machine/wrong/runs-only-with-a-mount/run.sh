docker build --tag labels:1.0 labels
docker run -d --name labels --env-file labels/.env -v "$PWD/labels/parcels.csv:/srv/labels/parcels.csv:ro" labels:1.0
docker save labels:1.0 | docker -H tcp://second:2375 load
docker -H tcp://second:2375 volume create data
id=$(docker -H tcp://second:2375 create -v data:/d labels:1.0)
docker -H tcp://second:2375 cp labels/parcels.csv "$id":/d/parcels.csv
docker -H tcp://second:2375 rm "$id"
docker -H tcp://second:2375 run -d --name labels -p 8080:8080 --env-file labels/.env -e LABELS_HOME=/d -v data:/d labels:1.0
