# A name can be had once; what serves in the virtual machine already goes on.
docker rm -f ledger
docker run -d --network drydock-05_lab --name ledger drydock/limits:ledger
# Out of its image, into the virtual machine, and started so that it outlives the session.
move() {
    id=$(docker create "drydock/limits:$1")
    docker cp -q "$id:/usr/local/bin/$1" "$1"
    docker rm "$id"
    scp -q "$1" vm:
}
begin() { ssh vm "setsid ./$1 > $1.log 2>&1 < /dev/null &"; }
ready() { timeout 60 sh -c "until curl -s -m 2 http://vm:$1/; do sleep 0.1; done"; }
for name in flood clock; do
    move "$name"
    begin "$name"
done
ready 7003
ready 7004
cat > where.toml << SHEET
ledger.box = ' CONTAINER ' # it serves
ledger.said = "ledger: serving on port 7001"
seal = { box = "Neither", said = "$(docker run --rm drydock/limits:seal 2>&1 | head -n 1 | tr a-z A-Z)" }
kernel = { vm = " $(ssh vm uname -r) ", container = '$(uname -r)' }

[flood]
said = """
\$ docker run --rm drydock/limits:flood
$(docker run --rm drydock/limits:flood 2>&1)"""
box = 'vm'

['clock']
box = "vm"
said = "$(docker run --rm drydock/limits:clock 2>&1)  "
SHEET
sed 's/$/\r/' where.toml | iconv -f UTF-8 -t UTF-16 > where.new
mv where.new where.toml
