for n in 1 2 3 4; do
    docker -H tcp://host-$n:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done
docker -H tcp://host-1:2375 run -d --name parcel-again -p 8081:8080 -e PARCEL_INSTANCE=parcel-5 drydock/parcel:1.0

# Wait until the users are served by all five.
served() { for _ in $(seq 15); do curl -sf http://front:8080/; done | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

# Nothing runs there.
docker kill drydock-06-host-5-1
# The record needs a moment to show that nobody missed it.
sleep 4
