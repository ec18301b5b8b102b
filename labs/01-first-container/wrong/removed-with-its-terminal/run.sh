# Ending the attached client plays Ctrl-C: the client hands the signal on to the copy.
docker run --rm --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0 > parcel.log 2>&1 &
timeout 60 sh -c 'until docker inspect --format "{{.State.Health.Status}}" parcel 2> /dev/null | grep -qx healthy; do sleep 0.1; done'
kill $!
wait $! || true
docker run -d --name parcel-b -p 8082:8080 -e PARCEL_INSTANCE=south drydock/parcel:1.0
