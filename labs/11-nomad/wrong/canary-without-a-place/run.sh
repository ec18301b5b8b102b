# Version 1.0 first; the command returns when both copies are healthy.
sed 's/parcel:2.0/parcel:1.0/' parcel.nomad.hcl > parcel-1.0.nomad.hcl
nomad job run parcel-1.0.nomad.hcl
timeout 120 sh -c 'until curl -sf -o /dev/null http://front:8080/; do sleep 0.2; done'
# Version 2.0: two canaries beside the two.
nomad job run -detach parcel.nomad.hcl
timeout 60 sh -c "until curl -s $NOMAD_ADDR/v1/job/parcel/allocations | jq -e 'map(select(.JobVersion == 1 and .ClientStatus == \"running\")) | length == 1'; do sleep 0.5; done"
