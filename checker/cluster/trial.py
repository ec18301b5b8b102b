"""A pod made after a workload's own, to try its probes on: what of it is kept, and what has to be changed."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENT_SECONDS = 30
"""A startup probe that gives up sooner than this ends a copy that takes long to get ready."""

STARTED_SECONDS = 600
"""For how long a copy may take until it listens; what it does then is what is tried."""

COMMAND_SECONDS = 5
"""How often a probe's command is run at most: one that starts a program each second uses up a small CPU limit."""

FAILURES = 3
"""After how many failures in a row the trial's copy is given up at the latest."""


@dataclass(frozen=True)
class Trial:
    """A pod for the API, and what it has that the learner did not write."""

    pod: dict[str, Any]
    changed: tuple[str, ...]

    @property
    def told(self) -> str:
        """What was changed, as a sentence for the learner."""
        return f"Tried on a copy of your pod, changed in this: {', '.join(self.changed)}."


def make(
    template: dict[str, Any],
    *,
    is_app: Callable[[str], bool],
    port: int,
    labels: dict[str, str],
    prefix: str,
    env: dict[str, str],
    moved: bool = False,
) -> Trial:
    """Make a pod like a template's that no service leads to, and whose probes are asked often.

    Its delays are left out; in their place nothing is asked before it listens. So what takes long to start is not
    judged by how long it takes.

    Args:
        template: the workload's pod template.
        is_app: whether an image is the application's.
        port: where the application listens in the pod.
        labels: the pod's labels, in place of the learner's.
        prefix: how the pod's name begins.
        env: variables that its container gets besides its own.
        moved: whether it is made in another namespace than the workload's.
    """
    spec = copy.deepcopy(template["spec"])
    changed = ["without your labels", *_place(spec), *_leave_behind(spec, moved=moved)]
    spec["restartPolicy"] = "Always"
    for container in spec["containers"]:
        changed += _free_ports(container)
        changed += _lay_in_missing_volumes(spec, container)
        if is_app(container["image"]):
            kept = [each for each in container.get("env") or [] if each["name"] not in env]
            container["env"] = [*kept, *({"name": name, "value": value} for name, value in env.items())]
            changed += [f"with a {name} of its own" for name in env]
            changed += _quicken(container, port)
    metadata: dict[str, Any] = {"generateName": prefix, "labels": labels}
    if annotations := (template.get("metadata") or {}).get("annotations"):
        metadata["annotations"] = annotations
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return Trial(pod, tuple(dict.fromkeys(changed)))


def interval(probe: dict[str, Any]) -> int:
    """Return how many seconds lie between two questions of a probe of the trial's that fails at once."""
    return int(probe.get("periodSeconds", 10))


def failing(probe: dict[str, Any]) -> int:
    """Return for how many seconds a probe of the trial's may fail to get an answer until that has consequences."""
    apart = max(interval(probe), int(probe.get("timeoutSeconds", 1)))
    return apart * (int(probe.get("failureThreshold", 3)) + 1)


def patience(probe: dict[str, Any]) -> int:
    """Return for how many seconds from a start a probe may fail; what is left out is as the cluster fills it in."""
    return interval(probe) * int(probe.get("failureThreshold", 3)) + int(probe.get("initialDelaySeconds", 0))


def _quicken(container: dict[str, Any], port: int) -> list[str]:
    """Have a container's probes asked often, from the moment in which it listens."""
    changed = []
    for name in ("readinessProbe", "livenessProbe"):
        if probe := container.get(name):
            often = min(interval(probe), COMMAND_SECONDS) if probe.get("exec") else 1
            probe.update(periodSeconds=often, initialDelaySeconds=0)
            # What its probe says of how long it may take to end counts for the learner's pods as for this one.
            if name == "livenessProbe":
                probe["failureThreshold"] = min(int(probe.get("failureThreshold", 3)), FAILURES)
            changed.append("its probes asked more often, and without a delay, once it listens")
    startup = container.get("startupProbe")
    if startup is None or patience(startup) >= PATIENT_SECONDS:
        # A patient one would only put off what the two others ask.
        container["startupProbe"] = {
            "tcpSocket": {"port": port},
            "periodSeconds": 1,
            "failureThreshold": STARTED_SECONDS,
        }
        if startup is not None:
            changed.append("a startup probe that waits until it listens")
    return changed


def _place(spec: dict[str, Any]) -> list[str]:
    """Let a pod run where its like run already."""
    affinity = spec.get("affinity") or {}
    beside = [affinity.pop(name, None) for name in ("podAffinity", "podAntiAffinity")]
    beside.append(spec.pop("topologySpreadConstraints", None))
    beside.append(spec.pop("hostNetwork", None))
    return ["on any node that takes it"] if any(beside) else []


def _free_ports(container: dict[str, Any]) -> list[str]:
    """Leave a node's ports to the learner's own copies."""
    taken = [port.pop("hostPort", None) for port in container.get("ports") or []]
    return ["no port of its node"] if any(taken) else []


def _leave_behind(spec: dict[str, Any], *, moved: bool) -> list[str]:
    """Take away what only the workload's own namespace has."""
    if not moved:
        return []
    for name in ("serviceAccountName", "serviceAccount", "imagePullSecrets"):
        spec.pop(name, None)
    for volume in spec.get("volumes") or []:
        if volume.pop("persistentVolumeClaim", None):
            volume["emptyDir"] = {}
    return ["in a namespace of the checker's own, since yours has no room for it"]


def _lay_in_missing_volumes(spec: dict[str, Any], container: dict[str, Any]) -> list[str]:
    """Give an empty volume for each that only a StatefulSet's own pods have."""
    known = {each["name"] for each in spec.get("volumes") or []}
    missing = [each["name"] for each in container.get("volumeMounts") or [] if each["name"] not in known]
    if not missing:
        return []
    spec["volumes"] = [
        *(spec.get("volumes") or []),
        *({"name": name, "emptyDir": {}} for name in dict.fromkeys(missing)),
    ]
    return ["empty volumes"]


def refers_to(spec: Any) -> Iterator[tuple[str, str]]:
    """Yield the ConfigMaps and Secrets that a pod's spec names: their kind in the API's paths, and their name."""
    if isinstance(spec, list):
        for each in spec:
            yield from refers_to(each)
    if not isinstance(spec, dict):
        return
    for key, value in spec.items():
        kind = _REFERENCES.get(key)
        if kind and isinstance(value, dict) and (name := value.get("name") or value.get("secretName")):
            yield kind, str(name)
        yield from refers_to(value)


_REFERENCES = {
    "configMap": "configmaps",
    "configMapRef": "configmaps",
    "configMapKeyRef": "configmaps",
    "secret": "secrets",
    "secretRef": "secrets",
    "secretKeyRef": "secrets",
}
"""The fields of a pod's spec that name such a thing."""
