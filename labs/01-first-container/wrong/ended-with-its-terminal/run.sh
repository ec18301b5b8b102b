# The time-out plays the closing of the terminal: the attached client hands the signal on to the copy.
timeout 2 docker run --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0 || true
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
