for n in 1 2 3 4 5; do
    docker context create host-$n --docker host=tcp://host-$n:2375
    docker --context host-$n run -d --restart unless-stopped -p 900$n:8080 drydock/parcel:1.0
done

# Wait until the users are served by all five.
served() { for _ in $(seq 15); do curl -sf http://front:8080/; done | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

# Any host may be the one; and another may follow it.
docker kill drydock-06-host-5-1
docker kill drydock-06-host-1-1
docker --context host-2 run -d --restart unless-stopped -p 9006:8080 drydock/parcel:1.0
docker --context host-4 run -d --restart unless-stopped -p 9007:8080 drydock/parcel:1.0
cat > front.cfg <<'END'
backend parcel
    server two host-2:9002
    server three host-3:9003
    server four host-4:9004
    server six host-2:9006
    server seven host-4:9007
END
