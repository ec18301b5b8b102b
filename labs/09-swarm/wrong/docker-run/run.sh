for node in node-2 node-3; do
    docker --host "tcp://$node:2375" run -d --name parcel -p 8080:8080 --restart always \
        --env-file parcel.env drydock/parcel:1.0
done
