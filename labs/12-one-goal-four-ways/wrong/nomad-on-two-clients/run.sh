nomad job run shop.nomad.hcl
timeout 60 sh -c 'until [ "$(for _ in 1 2 3 4 5 6; do curl -s http://front-nomad:8080/ | jq -r .instance; done | sort -u | wc -l)" -ge 2 ]; do :; done'
sleep 2
# One copy after the other is replaced on its own client, while the other one serves.
nomad job run -var release=2.0 shop.nomad.hcl
