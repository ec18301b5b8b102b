sed -i 's/server .*:8080;/server parcel-1.0:8080;/' nginx.conf
docker run --detach --name parcel-1.0 --network parcel --env-file parcel.env drydock/parcel:1.0
docker create --name proxy --network parcel --publish 8088:8080 drydock/proxy:1.0
docker cp --quiet nginx.conf proxy:/etc/nginx/nginx.conf
docker start proxy
timeout 60 sh -c "until curl -sf http://proxy:8080/; do sleep 0.2; done"

sh release.sh 2.0
sh release.sh 1.0
