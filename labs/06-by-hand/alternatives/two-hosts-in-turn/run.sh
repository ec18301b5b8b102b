for n in 1 2 3 4 5; do
    docker -H tcp://host-$n:2375 run -d --name parcel -p 8080:8080 -e PARCEL_INSTANCE=parcel-$n drydock/parcel:1.0
done

# Wait until the users are served by all five.
served() { for _ in $(seq 15); do curl -sf http://front:8080/; done | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

docker kill drydock-06-host-3-1
# For longer than anybody remembers who served before, four are left.
sed -i '/server parcel-3 /d' front.cfg
sleep 12
docker kill drydock-06-host-1-1

docker -H tcp://host-2:2375 run -d --name parcel-again -p 8081:8080 -e PARCEL_INSTANCE=parcel-6 drydock/parcel:1.0
docker -H tcp://host-4:2375 run -d --name parcel-again -p 8081:8080 -e PARCEL_INSTANCE=parcel-7 drydock/parcel:1.0
sed -i 's/server parcel-1 .*/server parcel-6 host-2:8081/' front.cfg
echo '    server parcel-7 host-4:8081' >> front.cfg
