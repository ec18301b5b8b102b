#!/usr/bin/env bash
# KubeSpawner with `privileged = True` alone makes a pod that Kubernetes refuses.
#
# Versions: jupyterhub-kubespawner 7.1.0, jupyterhub 6.1.1; the refusal was seen with Kubernetes 1.37.2.
#
# A good guess: `c.KubeSpawner.privileged = True` is enough for a privileged pod. KubeSpawner's help for
# `allow_privilege_escalation` says that it is always true for a privileged container.
#
# What was seen: the pod has `privileged: true` beside `allowPrivilegeEscalation: false`, KubeSpawner's
# default. The API server answers 422: "cannot set `allowPrivilegeEscalation` to false and `privileged` to
# true". The learner reads "Error starting server", and no pod is ever made that could be described.
#
# Why it matters to a course: seats with an engine of their own are privileged. Set
# `allow_privilege_escalation` to True, or to None for the cluster's default, as well.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jupyterhub==6.1.1 jupyterhub-kubespawner==7.1.0 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

said=$(venv/bin/python - <<'PYTHON'
from kubespawner.objects import make_pod
from kubespawner.spawner import KubeSpawner

# What a configuration that sets `privileged` alone leaves the other setting at.
usual = KubeSpawner.class_traits()["allow_privilege_escalation"].default_value
for escalation in (usual, True):
    pod = make_pod(
        name="seat",
        cmd=["seat"],
        port=8888,
        image="example.org/seat:1",
        image_pull_policy="IfNotPresent",
        privileged=True,
        allow_privilege_escalation=escalation,
    )
    context = pod.spec.containers[0].security_context
    print("privileged", context["privileged"], "escalation", context["allowPrivilegeEscalation"])
PYTHON
)
echo "$said"
[ "$said" = "privileged True escalation False
privileged True escalation True" ] || changed "KubeSpawner now makes other pods"
