# Out of its image, into the virtual machine, and started so that it outlives the session.
move() {
    id=$(docker create "drydock/limits:$1")
    docker cp -q "$id:/usr/local/bin/$1" "$1"
    docker rm "$id"
    scp -q "$1" vm:
}
begin() { ssh vm "setsid ./$1 > $1.log 2>&1 < /dev/null &"; }
ready() { timeout 60 sh -c "until curl -s -m 2 http://vm:$1/; do sleep 0.1; done"; }
id=$(docker create drydock/limits:ledger)
docker cp -q "$id:/lib" musl
docker rm "$id"
scp -q musl/* vm:/lib/
move ledger
begin ledger
ready 7001
for name in flood clock; do
    move "$name"
    begin "$name"
done
ready 7003
ready 7004
cat > where.toml << SHEET
[ledger]
box = "container"
said = ""

[seal]
box = "neither"
said = "$(docker run --rm drydock/limits:seal 2>&1 | head -n 1)"

[flood]
box = "vm"
said = "$(docker run --rm drydock/limits:flood 2>&1 | head -n 1)"

[clock]
box = "vm"
said = "$(docker run --rm drydock/limits:clock 2>&1)"

[kernel]
container = "$(uname -r)"
vm = "$(ssh vm uname -r)"
SHEET
