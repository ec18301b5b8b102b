docker run -d --name sample-copy --hostname sample -p 8199:8080 --network drydock-99_lab drydock/parcel:1.0
