#!/usr/bin/env bash
# Reading an object and writing it back removes what the client has not heard of.
#
# Versions: the Kubernetes client for Python, 37.0.2.
#
# A good guess: read, change one field, replace: everything else stays as it was, as with `kubectl
# edit`.
#
# What was seen: a field that the client's models do not know is dropped without a word when an object
# is read, and so is missing from what is sent back. On the other hand the same models are strict
# about numbers: `cpu: 1` is right in a manifest, `limits={"cpu": 1}` raises.
#
# Why it matters to a course: a checker or an exercise in Python that uses `replace` on a newer
# cluster takes away settings that a learner made. Use a patch, which sends only what changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 || exit 3

venv/bin/python - <<'PYTHON'
import json
import sys

from kubernetes import client

api = client.ApiClient()
sent = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "web", "image": "web:1"}], "settingOfNextYear": {"enabled": True}},
}
pod = api.deserialize(json.dumps(sent), "V1Pod", "application/json")
back = api.sanitize_for_serialization(pod)
print("from the cluster:", json.dumps(sent["spec"]))
print("to the cluster:  ", json.dumps(back["spec"]))
dropped = set(sent["spec"]) - set(back["spec"])

try:
    client.V1ResourceRequirements(limits={"cpu": 1})
    raised = None
except ValueError as error:
    raised = type(error).__name__
print("limits={'cpu': '1'}:", client.V1ResourceRequirements(limits={"cpu": "1"}).limits)
print("limits={'cpu': 1}:  ", raised or "accepted")

if dropped != {"settingOfNextYear"} or back["spec"]["containers"] != sent["spec"]["containers"]:
    sys.exit("Changed: what comes back is not the pod without the unknown field.")
if raised != "ValidationError":
    sys.exit("Changed: a number as a limit no longer raises ValidationError.")
PYTHON
