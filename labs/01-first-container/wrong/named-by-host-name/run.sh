docker run -d --name parcel --hostname north -p 8081:8080 drydock/parcel:1.0
docker run -d --name parcel-b --hostname south -p 8082:8080 drydock/parcel:1.0
