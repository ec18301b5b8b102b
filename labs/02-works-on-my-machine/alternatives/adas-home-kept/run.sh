docker build --tag labels:1.0 labels
second=$(docker ps -q --filter label=com.docker.compose.project=drydock-02 --filter label=com.docker.compose.service=second)
docker save labels:1.0 | docker exec -i "$second" docker load
docker exec -i "$second" sh -c 'cat > /root/key' < labels/.env
docker exec "$second" docker run -d --name labels --publish 8080:8080 --env-file /root/key labels:1.0
