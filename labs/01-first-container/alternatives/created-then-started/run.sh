docker create --name parcel --publish 127.0.0.1:8081:8080 --env-file north.env drydock/parcel:1.0
docker create --name parcel-b --publish 127.0.0.1:8082:8080 --env-file south.env drydock/parcel:1.0
docker start parcel parcel-b
