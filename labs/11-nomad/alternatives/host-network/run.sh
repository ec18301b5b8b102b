nomad job run -var version=1.0 parcel.nomad.hcl
timeout 120 sh -c 'until curl -sf -o /dev/null http://front:8080/; do sleep 0.2; done'
nomad job run -detach -var version=2.0 parcel.nomad.hcl
timeout 150 sh -c 'until nomad job promote parcel; do sleep 1; done'
# What the control plane takes.
docker stats --no-stream --format '{{.MemUsage}}' "drydock-$DRYDOCK_LAB-server-1" | cut -d/ -f1 > memory.txt
