sed -i 's/server blue:/server parcel-1.0:/' nginx.conf
docker run --detach --name parcel-1.0 --network parcel --env-file parcel.env drydock/parcel:1.0
docker create --name proxy --network parcel --publish 8088:8080 drydock/proxy:1.0
docker cp --quiet nginx.conf proxy:/etc/nginx/nginx.conf
docker start proxy
timeout 60 sh -c "until curl -sf http://proxy:8080/; do sleep 0.2; done"

docker run --detach --name parcel-2.0 --network parcel --env-file parcel.env drydock/parcel:2.0
timeout 60 sh -c "until curl -sf http://parcel-2.0:8080/readyz; do sleep 0.2; done"
worker=$(docker top proxy -eo pid,args | awk '/nginx: worker/ { print $1 }')
sed -i 's/server parcel-1.0:/server parcel-2.0:/' nginx.conf
docker cp --quiet nginx.conf proxy:/etc/nginx/nginx.conf
docker exec proxy nginx -s reload
timeout 60 sh -c "while docker top proxy -eo pid | grep -qwF '$worker'; do sleep 0.2; done"
docker stop parcel-1.0
docker rm parcel-1.0
