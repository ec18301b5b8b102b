docker run --detach --name proxy --network parcel --publish 8088:8080 --env-file parcel.env drydock/parcel:1.0
