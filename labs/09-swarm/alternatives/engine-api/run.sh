api=http://node-1:2375
post() { curl -sf -H 'Content-Type: application/json' --data @- "$api/$1"; }
id=$(jq -n --arg data "$(base64 -w0 < seal.key)" '{Name: "seal", Data: $data}' | post secrets/create | jq -r .ID)
order() {
    jq --arg id "$id" --arg image "drydock/parcel:$1" '.TaskTemplate.ContainerSpec.Secrets[0].SecretID = $id
        | .TaskTemplate.ContainerSpec.Image = $image' order.json
}
# All copies run the version, and nothing is under way any more.
settled() {
    until [ "$(curl -s "$api/tasks" | jq -c '[.[] | select(.DesiredState == "running") | [.Spec.ContainerSpec.Image, .Status.State]] | unique')" \
        = "[[\"drydock/parcel:$1\",\"running\"]]" ]; do sleep 0.5; done
}
order 1.0 | post services/create
settled 1.0
until curl -sf http://front:8080/ | grep -q '"version": "1.0"'; do sleep 0.2; done
version=$(curl -s "$api/services/orders" | jq .Version.Index)
order 2.0 | post "services/orders/update?version=$version"
until [ "$(curl -s "$api/services/orders" | jq -r .UpdateStatus.State)" = completed ]; do sleep 0.5; done
settled 2.0
