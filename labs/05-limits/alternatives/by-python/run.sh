docker rm -f ledger
docker run -d --name accounts drydock/limits:ledger
for name in flood clock; do
    id=$(docker create "drydock/limits:$name")
    docker cp -q "$id:/usr/local/bin/$name" "$name.py"
    docker rm "$id"
    scp -q "$name.py" vm:/tmp/
    ssh vm "nohup python3 /tmp/$name.py > /dev/null 2>&1 < /dev/null &"
done
for port in 7003 7004; do timeout 60 sh -c "until curl -s -m 2 http://vm:$port/; do sleep 0.1; done"; done
cat > where.toml << SHEET
[ledger]
box = "Container"
said = ""

[seal]
box = "neither"
said = "$(docker run --rm drydock/limits:seal 2>&1 | head -n 1)"

[flood]
box = "VM"
said = "$(docker run --rm drydock/limits:flood 2>&1 | tr '\n' ' ')"

[clock]
box = "vm"
said = "$(docker run --rm drydock/limits:clock 2>&1)"

[kernel]
container = "$(uname -r)"
vm = "$(ssh vm uname -r)"
SHEET
