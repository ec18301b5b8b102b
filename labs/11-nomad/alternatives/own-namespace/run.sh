nomad namespace apply shop
export NOMAD_NAMESPACE=shop
# Version 1.0 first; the command returns when both copies are healthy.
sed 's|docker.io/drydock/parcel:2.0|docker.io/drydock/parcel:1.0|' parcel.nomad.hcl > parcel-1.0.nomad.hcl
nomad job run parcel-1.0.nomad.hcl
timeout 120 sh -c 'until curl -sf -o /dev/null http://front:8080/; do sleep 0.2; done'
# Version 2.0: one canary beside the two; it is promoted as soon as Nomad calls it healthy.
nomad job run -detach parcel.nomad.hcl
timeout 150 sh -c 'until nomad job promote parcel; do sleep 1; done'
# What the control plane takes.
docker stats --no-stream --format '{{.MemUsage}}' "drydock-$DRYDOCK_LAB-server-1" | cut -d/ -f1 > memory.txt
