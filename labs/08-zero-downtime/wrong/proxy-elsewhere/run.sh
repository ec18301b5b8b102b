docker run --detach --name parcel-1.0 --network parcel --publish 8089:8080 --env-file parcel.env drydock/parcel:1.0
sed -i 's/server blue:8080/server 172.17.0.1:8089/' nginx.conf
docker create --name proxy --publish 8088:8080 drydock/proxy:1.0
docker cp --quiet nginx.conf proxy:/etc/nginx/nginx.conf
docker start proxy
