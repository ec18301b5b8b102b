"""A copy of a workload's pod on which its probes are tested: what is kept of it, and what has to change."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENT_SECONDS = 30
"""A startup probe that gives up sooner than this restarts a copy that takes long to become ready."""

STARTED_SECONDS = 600
"""How long a copy may take until it listens; the trial begins after that."""

COMMAND_SECONDS = 5
"""The shortest period of a probe that runs a command: starting a program each second uses up a small CPU limit."""

FAILURES = 3
"""The highest failure threshold of the trial's liveness probe."""


@dataclass(frozen=True)
class Trial:
    """A pod for the API, and how it differs from the learner's."""

    pod: dict[str, Any]
    changed: tuple[str, ...]

    @property
    def told(self) -> str:
        """What was changed, as a sentence for the learner."""
        return f"Tested on a copy of your pod with these changes: {', '.join(self.changed)}."


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
    """Make a pod from a template that no service selects, with probes that run often.

    The probes have no delay; instead, they wait until the application listens. So a slow start makes no difference.

    Args:
        template: the workload's pod template.
        is_app: whether an image is the application's.
        port: the port that the application listens on in the pod.
        labels: the pod's labels, which replace the learner's.
        prefix: the beginning of the pod's name.
        env: variables that its container gets besides its own.
        moved: whether it is created in another namespace than the workload's.
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
            changed += [f"with its own {name}" for name in env]
            changed += _quicken(container, port)
    metadata: dict[str, Any] = {"generateName": prefix, "labels": labels}
    if annotations := (template.get("metadata") or {}).get("annotations"):
        metadata["annotations"] = annotations
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return Trial(pod, tuple(dict.fromkeys(changed)))


def interval(probe: dict[str, Any]) -> int:
    """Return the seconds between two runs of one of the trial's probes that fails at once."""
    return int(probe.get("periodSeconds", 10))


def failing(probe: dict[str, Any]) -> int:
    """Return how many seconds one of the trial's probes may get no answer without consequences."""
    apart = max(interval(probe), int(probe.get("timeoutSeconds", 1)))
    return apart * (int(probe.get("failureThreshold", 3)) + 1)


def patience(probe: dict[str, Any]) -> int:
    """Return how many seconds after a start a probe may fail, with the cluster's defaults for missing fields."""
    return interval(probe) * int(probe.get("failureThreshold", 3)) + int(probe.get("initialDelaySeconds", 0))


def _quicken(container: dict[str, Any], port: int) -> list[str]:
    """Make a container's probes run often, as soon as it listens."""
    changed = []
    for name in ("readinessProbe", "livenessProbe"):
        if probe := container.get(name):
            often = min(interval(probe), COMMAND_SECONDS) if probe.get("exec") else 1
            probe.update(periodSeconds=often, initialDelaySeconds=0)
            # The probe's own terminationGracePeriodSeconds stays: it holds for the learner's pods too.
            if name == "livenessProbe":
                probe["failureThreshold"] = min(int(probe.get("failureThreshold", 3)), FAILURES)
            changed.append("its probes run more often, and without a delay, once it listens")
    startup = container.get("startupProbe")
    if startup is None or patience(startup) >= PATIENT_SECONDS:
        # A patient startup probe would only delay the two others.
        container["startupProbe"] = {
            "tcpSocket": {"port": port},
            "periodSeconds": 1,
            "failureThreshold": STARTED_SECONDS,
        }
        if startup is not None:
            changed.append("a startup probe that waits until it listens")
    return changed


def _place(spec: dict[str, Any]) -> list[str]:
    """Let a pod run on the same node as the learner's pods."""
    affinity = spec.get("affinity") or {}
    beside = [affinity.pop(name, None) for name in ("podAffinity", "podAntiAffinity")]
    beside.append(spec.pop("topologySpreadConstraints", None))
    beside.append(spec.pop("hostNetwork", None))
    return ["on any node that accepts it"] if any(beside) else []


def _free_ports(container: dict[str, Any]) -> list[str]:
    """Leave the ports of a node to the learner's own copies."""
    taken = [port.pop("hostPort", None) for port in container.get("ports") or []]
    return ["no port of its node"] if any(taken) else []


def _leave_behind(spec: dict[str, Any], *, moved: bool) -> list[str]:
    """Remove what exists only in the workload's own namespace."""
    if not moved:
        return []
    for name in ("serviceAccountName", "serviceAccount", "imagePullSecrets"):
        spec.pop(name, None)
    for volume in spec.get("volumes") or []:
        if volume.pop("persistentVolumeClaim", None):
            volume["emptyDir"] = {}
    return ["in the checker's own namespace, because yours has no room for it"]


def _lay_in_missing_volumes(spec: dict[str, Any], container: dict[str, Any]) -> list[str]:
    """Add an empty volume for each one that only a StatefulSet's own pods have."""
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
"""The fields of a pod's spec that name a ConfigMap or a Secret."""
