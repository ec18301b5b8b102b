sed 's/parcel:2.0/parcel:1.0/' parcel.nomad.hcl > parcel-1.0.nomad.hcl
nomad job run parcel-1.0.nomad.hcl
timeout 120 sh -c 'until curl -sf -o /dev/null http://front:8080/; do sleep 0.2; done'
nomad job run parcel.nomad.hcl
