docker run -d --name sample-copy -e PARCEL_INSTANCE=north --network drydock-99_lab drydock/parcel:1.0
