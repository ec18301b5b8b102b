docker -H tcp://host-1:2375 run -d --name parcel -p 8080:8080 drydock/parcel:1.0
docker run -d --name parcel -p 8080:8080 drydock/parcel:1.0
