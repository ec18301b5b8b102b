nomad job run -detach parcel.nomad.hcl
timeout 30 sh -c "until curl -s $NOMAD_ADDR/v1/job/parcel/allocations | jq -e '.[0].ClientStatus == \"running\"'; do sleep 0.5; done"
