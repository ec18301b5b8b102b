nomad job run -detach parcel.nomad.hcl
timeout 30 sh -c "until curl -s $NOMAD_ADDR/v1/job/parcel/evaluations | jq -e 'any(.FailedTGAllocs != null)'; do sleep 0.2; done"
