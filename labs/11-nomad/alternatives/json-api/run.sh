# The server's API, with nothing in between. A deployment ends as successful or as failed.
ended() {
    timeout 150 sh -c "until curl -s $NOMAD_ADDR/v1/job/parcel/deployment | jq -e '.Status == \"successful\"'; do sleep 0.5; done"
}
curl -sf --data @parcel.json "$NOMAD_ADDR/v1/jobs"
ended
timeout 120 sh -c 'until curl -sf -o /dev/null http://front:8080/; do sleep 0.2; done'
sed 's/parcel:1.0/parcel:2.0/' parcel.json > parcel-2.0.json
curl -sf --data @parcel-2.0.json "$NOMAD_ADDR/v1/jobs"
timeout 120 sh -c "until curl -s $NOMAD_ADDR/v1/job/parcel/deployment | jq -e '.TaskGroups.web.HealthyAllocs == 1'; do sleep 0.5; done"
deployment=$(curl -s "$NOMAD_ADDR/v1/job/parcel/deployment" | jq -r .ID)
curl -sf --data "{\"DeploymentID\": \"$deployment\", \"All\": true}" "$NOMAD_ADDR/v1/deployment/promote/$deployment"
ended
# What the control plane takes.
docker stats --no-stream --format '{{.MemUsage}}' "drydock-$DRYDOCK_LAB-server-1" | cut -d/ -f1 > memory.txt
