docker run -d --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0
docker stop --time 1 parcel
docker run -d --name practice -p 8081:8080 drydock/parcel:1.0
docker start parcel
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
