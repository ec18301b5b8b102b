docker network create depots
docker volume create north
docker volume create south
digest=$(docker image inspect --format '{{.Id}}' drydock/parcel:1.0)
docker run -d --name parcel --network depots --init --restart unless-stopped -p 8081:9000 \
  -e PARCEL_PORT=9000 -e PARCEL_INSTANCE=north -v north:/var/lib/parcel "$digest"
docker run -d --name parcel-b --network depots --rm -p 8082:8080 -e PARCEL_INSTANCE=south \
  --label depot=south -v south:/var/lib/parcel --health-interval 2s "$digest"
