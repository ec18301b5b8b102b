docker run --detach --name blue --network parcel --env-file parcel.env drydock/parcel:1.0
docker create --name proxy --network parcel --publish 8088:8080 drydock/proxy:1.0 haproxy -W -db -f /etc/haproxy/haproxy.cfg
docker cp --quiet haproxy.cfg proxy:/etc/haproxy/haproxy.cfg
docker start proxy
timeout 60 sh -c "until curl -sf http://proxy:8080/; do sleep 0.2; done"

bash release.sh 2.0
bash release.sh 1.0
