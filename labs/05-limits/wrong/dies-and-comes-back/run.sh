docker rm -f ledger
# In a container that has a program to end it with: with its own C library, ledger runs there too.
id=$(docker create drydock/limits:ledger)
docker create --name ledger --network drydock-05_lab --restart always drydock/parcel:1.0 timeout 5 /usr/local/bin/ledger
docker cp -q "$id:/usr/local/bin/ledger" ledger
docker cp -q ledger ledger:/usr/local/bin/ledger
docker export "$id" | tar -x lib
for each in lib/ld-musl-*; do docker cp -q "$each" "ledger:/lib/"; done
docker rm "$id"
docker start ledger
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
# Looked at while it runs, between two deaths.
until docker inspect --format '{{.RestartCount}} {{.State.Status}}' ledger | grep -q '^[1-9][0-9]* running'; do sleep 0.1; done
