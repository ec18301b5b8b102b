echo blue > colour
docker compose up --detach blue
docker compose create proxy
docker compose cp nginx.conf proxy:/etc/nginx/nginx.conf
docker compose start proxy
timeout 60 sh -c "until curl -sf http://proxy:8080/; do sleep 0.2; done"

bash release.sh 2.0
bash release.sh 1.0
