# Everything that runs on the hosts that can be asked, a line each.
write() {
    echo "backend parcel" > front.new
    for n in 1 2 3 4 5; do
        for copy in $(timeout 5 docker -H tcp://host-$n:2375 ps --quiet); do
            port=$(docker -H tcp://host-$n:2375 port $copy 8080/tcp | head -1 | cut -d: -f2)
            echo "    server c$copy host-$n:$port" >> front.new
        done
    done
    cat front.new > front.cfg
}
for n in 1 2 3 4 5; do
    docker -H tcp://host-$n:2375 run -d -P --init --workdir /app drydock/parcel:1.0 python3 -u parcel.py
done
write

# Wait until the users are served by all five.
served() { curl -sf 'http://front:8080/?[1-50]' | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

# What `lab lose 6 host-1` does.
docker kill drydock-06-host-1-1
docker -H tcp://host-5:2375 run -d -P --init --workdir /app drydock/parcel:1.0 python3 -u parcel.py
write
