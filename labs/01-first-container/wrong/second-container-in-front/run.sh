docker network create depots
docker run -d --name parcel --network depots -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker run -d --name front --network depots -p 8081:8080 drydock/parcel:1.0 python3 -c "$(cat front.py)"
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
