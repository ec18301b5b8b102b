for n in 1 2 3 4 5; do
    NAME=parcel-$n PORT=8080 docker -H tcp://host-$n:2375 compose --project-name one up -d
done

# Wait until the users are served by all five.
served() { for _ in $(seq 15); do curl -sf http://front:8080/; done | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

# What `lab lose 6 host-3` does.
docker kill drydock-06-host-3-1

NAME=parcel-6 PORT=8081 docker -H tcp://host-5:2375 compose --project-name two up -d
echo '    server parcel-6 host-5:8081 check' >> front.cfg

# The users are served by all five.
served() { for _ in $(seq 15); do curl -sf http://front:8080/; done | jq -r .instance | sort -u | wc -l; }
full=0
until [ $full -ge 8 ]; do
    # Eight times in a row: the users, who ask more slowly, have to have met all five as well.
    if [ "$(served)" -ge 5 ]; then full=$((full + 1)); else full=0; fi
done

# The host is repaired; what ran on it stays where it is.
docker start drydock-06-host-3-1
