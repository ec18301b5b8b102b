docker compose up --detach --build --wait
timeout 60 sh -c "until curl -sf http://front:8080/; do sleep 0.2; done"

curl -sf -d '{"to": "Mill Lane 1"}' http://front:8080/parcels
sh customers.sh
id=$(docker compose logs --no-log-prefix front | grep -o '{.*customer-.*' | jq -rs 'max_by(.ms).id')
took=$(docker compose logs --no-log-prefix tracking | grep -o "{.*$id.*" | jq -r .ms)
service=front
[ "$took" -lt 300 ] || service=tracking
sed -i "s/^id = .*/id = \"$id\"/; s/^service = .*/service = \"$service\"/" slow.toml
