"""Two pods of the checker's own, made from the learner's: one that says it is not ready yet, one that hangs.

What a probe asks shows in what becomes of these two. They have the learner's probes, asked every second, and none of
the learner's labels, so that no service sends them anything and nothing of the learner's is disturbed.
"""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

import msgspec

from checker.cluster.kube import Pod, Refused
from checker.cluster.kubernetes import PROBE
from checker.grading.author import could_not_run, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .parcel import Parcel

START_SECONDS = 20.0
WATCHED_SECONDS = 6.0
"""How long a pod that is not ready is left alone: a liveness probe ends it after three."""
HEAL_SECONDS = 15.0
PATIENT_SECONDS = 30
"""A startup probe that gives up sooner than this ends a copy that takes long to get ready."""
NEVER_MS = "86400000"
QUICK = {"periodSeconds": 1, "timeoutSeconds": 1, "initialDelaySeconds": 0, "successThreshold": 1}


class Rehearsal:
    """Both pods.

    Args:
        parcel: the learner's Parcel, which they are made from.
    """

    def __init__(self, parcel: Parcel) -> None:
        self._api = parcel.cluster.api
        self._space = parcel.workload.namespace
        self._template = parcel.template["template"]
        self._is_parcel = parcel.cluster.is_parcel
        self._made: dict[str, Pod] = {}

    def start(self) -> None:
        """Make both pods."""
        for name, delay in (("late", NEVER_MS), ("hung", "0")):
            try:
                made = self._api.send(
                    "POST", self._path(), _pod(self._template, name, delay, self._is_parcel)
                )
            except Refused as refused:
                could_not_run(f"A copy of your pod could not be made to try its probes on: {refused.message}")
            self._made[name] = msgspec.convert(made, Pod, strict=False)

    def remove(self) -> None:
        """Remove them."""
        for pod in self._made.values():
            with contextlib.suppress(Refused):
                self._api.send("DELETE", self._path(f"/{pod.metadata.name}?gracePeriodSeconds=0"))

    def look(self, name: str) -> Pod:
        """Return one of them as it is now."""
        try:
            return self._api.read(self._path(f"/{self._made[name].metadata.name}"), Pod)
        except Refused as refused:
            could_not_run(f"A copy of your pod went away while its probes were tried ({refused}).")

    def hang(self) -> None:
        """Tell one of them to hang. It does not answer this either."""
        name = self._made["hung"].metadata.name
        self._api.poke(self._path(f"/{name}:8080/proxy/hang"))

    def _path(self, rest: str = "") -> str:
        return f"/api/v1/namespaces/{self._space}/pods{rest}"


@contextlib.contextmanager
def rehearsal(parcel: Parcel) -> Iterator[Rehearsal]:
    """Give a rehearsal with both pods running, and remove them whatever happens."""
    made = Rehearsal(parcel)
    try:
        made.start()
        if not wait_until(
            lambda: all(_has_begun(made.look(name)) for name in ("late", "hung")), START_SECONDS, every=0.2
        ):
            trouble = made.look("late").trouble or made.look("hung").trouble
            could_not_run(
                f"A copy of your pod did not start within {START_SECONDS:g} s ({trouble or 'no reason given'})."
            )
        yield made
    finally:
        made.remove()


def _has_begun(pod: Pod) -> bool:
    return pod.status.phase == "Running"


def _pod(template: dict[str, Any], name: str, delay: str, is_parcel: Callable[[str], bool]) -> dict[str, Any]:
    """Return a pod like the template's, with quick probes, that says for a while that it is not ready."""
    spec = copy.deepcopy(template["spec"])
    for field in ("affinity", "topologySpreadConstraints", "hostname", "subdomain", "nodeName"):
        spec.pop(field, None)
    spec["restartPolicy"] = "Always"
    spec["terminationGracePeriodSeconds"] = 1
    for container in spec["containers"]:
        container.pop("lifecycle", None)
        # A patient one would only put off what the two others ask, and that matters from the first second on.
        if _patience(container.get("startupProbe") or {}) >= PATIENT_SECONDS:
            container.pop("startupProbe", None)
        for probe, failures in (("readinessProbe", 1), ("livenessProbe", 3), ("startupProbe", 3)):
            if container.get(probe):
                container[probe].update(QUICK, failureThreshold=failures)
                container[probe].pop("terminationGracePeriodSeconds", None)
        if is_parcel(container["image"]):
            kept = [each for each in container.get("env", []) if each["name"] != "PARCEL_READY_DELAY_MS"]
            container["env"] = [*kept, {"name": "PARCEL_READY_DELAY_MS", "value": delay}]
        _lay_in_missing_volumes(spec, container)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"drydock-rehearsal-{name}-", "labels": {PROBE: name}},
        "spec": spec,
    }


def _patience(probe: dict[str, Any]) -> int:
    """Return for how many seconds a probe may fail before it ends its container; what is left out is as the cluster fills it in."""
    asked: int = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
    return asked + int(probe.get("initialDelaySeconds", 0))


def _lay_in_missing_volumes(spec: dict[str, Any], container: dict[str, Any]) -> None:
    """Give an empty volume for each that only a StatefulSet's own pods have."""
    known = {each["name"] for each in spec.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in known:
            spec.setdefault("volumes", []).append({"name": mount["name"], "emptyDir": {}})
            known.add(mount["name"])
