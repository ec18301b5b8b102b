docker run --detach --name parcel-1.0 --network parcel --network-alias proxy --env-file parcel.env drydock/parcel:1.0
timeout 60 sh -c "until curl -sf http://proxy:8080/; do sleep 0.2; done"
docker run --detach --name parcel-2.0 --network parcel --network-alias proxy --env-file parcel.env drydock/parcel:2.0
