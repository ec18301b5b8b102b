for n in 1 2 3 4 5; do
    docker -H tcp://host-$n:2375 run -d --restart always --network host -e PARCEL_INSTANCE=at-$n -e PARCEL_PORT=812$n drydock/parcel:1.0
done

# Wait until the users are served by all five.
served() { curl -sf 'http://front:8080/?[1-50]' | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

# Shut down, it ends in order; it is lost all the same.
docker stop drydock-06-host-4-1
docker -H tcp://host-2:2375 run -d --restart always --network host -e PARCEL_INSTANCE=at-6 -e PARCEL_PORT=8126 drydock/parcel:1.0
sed -i 's/server at-4 .*/server at-6 host-2:8126/' front.cfg

# Wait until the users are served by all five.
served() { curl -sf 'http://front:8080/?[1-50]' | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

# It is repaired, and what it runs by itself is cleared away.
docker start drydock-06-host-4-1
until old=$(docker -H tcp://host-4:2375 ps --quiet) && [ -n "$old" ]; do sleep 0.2; done
docker -H tcp://host-4:2375 rm --force $old
