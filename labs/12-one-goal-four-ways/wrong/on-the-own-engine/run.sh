docker run -d --name parcel drydock/parcel:1.0
