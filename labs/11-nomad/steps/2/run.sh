nomad job run parcel.nomad.hcl
timeout 120 sh -c 'until curl -sf -o /dev/null http://front:8080/; do sleep 0.2; done'
