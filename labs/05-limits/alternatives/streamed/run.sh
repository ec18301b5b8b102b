docker compose up --detach
for name in flood clock; do
    docker run --rm --entrypoint cat "drydock/limits:$name" "/usr/local/bin/$name" \
        | ssh vm "mkdir -p /opt && cat > /opt/$name && chmod +x /opt/$name && echo ::respawn:/opt/$name >> /etc/inittab"
done
ssh vm kill -HUP 1
for port in 7003 7004; do timeout 60 sh -c "until curl -s -m 2 http://vm:$port/; do sleep 0.1; done"; done
cat > where.toml << SHEET
[ledger]
box = "container"
said = ""

[seal]
box = "neither"
said = "$(docker run --rm drydock/limits:seal 2>&1 | head -n 1)"

[flood]
box = "vm"
said = "$(docker run --rm drydock/limits:flood 2>&1 | tail -n 1)"

[clock]
box = "vm"
said = "$(docker run --rm drydock/limits:clock 2>&1)"

[kernel]
container = "$(uname -r)"
vm = "$(ssh vm uname -r)"
SHEET
