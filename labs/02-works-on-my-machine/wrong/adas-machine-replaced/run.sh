docker build --tag labels:1.0 labels
docker save labels:1.0 | docker -H tcp://second:2375 load
docker -H tcp://second:2375 run -d --name labels -p 8080:8080 --env-file labels/.env labels:1.0
docker rm -f "$(docker ps -q --filter label=com.docker.compose.project=drydock-02 --filter label=com.docker.compose.service=ada)"
docker run -d --label com.docker.compose.project=drydock-02 --label com.docker.compose.service=ada --network drydock-02_lab --network-alias ada -e LABELS_KEY=new labels:1.0
