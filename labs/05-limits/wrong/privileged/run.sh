docker rm -f ledger
docker run -d --network drydock-05_lab --name ledger drydock/limits:ledger
docker run -d --network drydock-05_lab --name flood --privileged drydock/limits:flood
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
