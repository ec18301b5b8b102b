mkfifo keys
script --quiet --flush --command 'docker run -it --name parcel -p 8081:8080 -e PARCEL_INSTANCE=north drydock/parcel:1.0' /dev/null < keys > screen.txt 2>&1 &
exec 3> keys
timeout 60 sh -c 'until docker inspect --format "{{.State.Health.Status}}" parcel 2> /dev/null | grep -qx healthy; do sleep 0.1; done'
# Ctrl-P Ctrl-Q: the copy goes on, and the prompt is back.
printf '\020\021' >&3
wait $!
exec 3>&-
docker run -d --name parcel-b -p 8082:8080 drydock/parcel:1.0 env PARCEL_INSTANCE=south python3 -u /app/parcel.py
