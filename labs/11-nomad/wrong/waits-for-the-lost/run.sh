# Version 1.0 first; the command returns when both copies are healthy.
sed 's/parcel:2.0/parcel:1.0/' parcel.nomad.hcl > parcel-1.0.nomad.hcl
nomad job run parcel-1.0.nomad.hcl
timeout 120 sh -c 'until curl -sf -o /dev/null http://front:8080/; do sleep 0.2; done'
# Version 2.0: one canary beside the two; it is promoted as soon as Nomad calls it healthy.
nomad job run -detach parcel.nomad.hcl
timeout 150 sh -c 'until nomad job promote parcel; do sleep 1; done'
