cat > where.toml << SHEET
[ledger]
box = "container"
said = ""

[seal]
box = "container"
said = "$(docker run --rm drydock/limits:seal 2>&1 | head -n 1)"

[flood]
box = "container"
said = "$(docker run --rm drydock/limits:flood 2>&1 | head -n 1)"

[clock]
box = "container"
said = "$(docker run --rm drydock/limits:clock 2>&1)"

[kernel]
container = "$(uname -r)"
vm = "$(ssh vm uname -r)"
SHEET
