nomad job run parcel.nomad.hcl
timeout 60 sh -c 'until [ "$(for _ in 1 2 3 4 5 6; do curl -s http://front-nomad:8080/ | jq -r .instance; done | sort -u | wc -l)" -ge 2 ]; do :; done'
sleep 2
nomad job run -var release=2.0 parcel.nomad.hcl
timeout 60 sh -c "until curl -s http://front-nomad:8080/ | grep -q 2.0; do sleep 0.1; done"
