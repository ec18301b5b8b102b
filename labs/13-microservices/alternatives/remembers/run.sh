for each in front tracking notification; do
    docker volume create --label io.drydock.lab=13 "parcel-$each"
    bash release.sh "$each" 1.0
done
timeout 60 sh -c "until curl -sf http://front:8080/; do sleep 0.2; done"

curl -sf -d '{"to": "Mill Lane 1"}' http://front:8080/parcels
sh customers.sh
id=$(docker logs front | grep 'customer-' | jq -rs 'max_by(.ms).id')
took=$(docker logs tracking | grep "$id" | jq -r .ms)
service=front
[ "$took" -lt 300 ] || service=tracking
sed -i "s/^id = .*/id = \"$id\"/; s/^service = .*/service = \"$service\"/" slow.toml
