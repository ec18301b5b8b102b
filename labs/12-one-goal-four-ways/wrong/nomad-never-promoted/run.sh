nomad job run shop.nomad.hcl
timeout 60 sh -c 'until curl -sf -o /dev/null http://front-nomad:8080/; do sleep 0.2; done'
nomad job run -detach -var release=2.0 shop.nomad.hcl
timeout 60 sh -c "until curl -s $NOMAD_ADDR/v1/job/shop/deployment | jq -e '.TaskGroups.parcel.HealthyAllocs == 1'; do sleep 0.5; done"
