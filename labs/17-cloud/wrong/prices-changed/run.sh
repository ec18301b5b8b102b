sh open.sh
docker exec --user root drydock-17-meter-1 sed -i 's/^vcpu_hour = 4.0/vcpu_hour = 1.0/' /app/prices.toml
docker restart drydock-17-meter-1
