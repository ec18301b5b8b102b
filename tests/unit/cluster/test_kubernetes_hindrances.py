"""What keeps a copy from getting ready: each kind, from what the cluster says of a pod made for the question."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from checker.cluster.kubernetes import Workload
from checker.cluster.kubernetes_hindrances import (
    Kind,
    end_of,
    hindrance_of,
    hindrances,
    short_of_memory,
    standing_still,
)
from checker.cluster.kubernetes_records import Container, ContainerStatus, Pod

LIVENESS = "Container web failed liveness probe, will be restarted"


def pod(
    name: str = "web-1",
    *,
    state: dict[str, Any] | None = None,
    last: dict[str, Any] | None = None,
    restarts: int = 0,
    ready: bool = False,
    said: str = "",
    made: str = "2026-11-28T16:00:00Z",
    node: str = "worker-1",
    template: str = "",
    scheduled: dict[str, str] | None = None,
    init: dict[str, Any] | None = None,
    **container: Any,
) -> Pod:
    status = {"name": "web", "state": state or {"running": {}}, "restartCount": restarts}
    conditions = [{"type": "Ready", "status": str(ready), "message": said}]
    if scheduled:
        conditions.append({"type": "PodScheduled", "status": "False", **scheduled})
    return msgspec.convert(
        {
            "metadata": {
                "name": name,
                "creationTimestamp": made,
                "labels": {"pod-template-hash": template} if template else {},
            },
            "spec": {"nodeName": node, "containers": [{"name": "web", "image": "web:1.0", **container}]},
            "status": {
                "phase": "Running" if node else "Pending",
                "conditions": conditions,
                "containerStatuses": [{**status, "lastState": {"terminated": last} if last else {}}],
                "initContainerStatuses": [init] if init else [],
            },
        },
        Pod,
        strict=False,
    )


class Copies:
    """Copies of which the cluster says what a test says."""

    looked_at = dt.datetime(2026, 11, 28, 16, 10, tzinfo=dt.UTC).timestamp()

    def __init__(self, *pods: Pod, warning: str = "", killing: str = "", newest: str = "") -> None:
        self.pods = list(pods)
        self._newest = newest
        self._said = {"type=Warning": warning, "reason=Killing": killing}

    def owner(self, one: Pod) -> Workload:
        """Return what looks after a pod."""
        return Workload("Deployment", one.metadata.namespace, "web")

    def is_current(self, one: Pod) -> bool:
        """Whether it is of the newest template."""
        return self._newest in {"", one.metadata.revision}

    def container(self, one: Pod) -> Container:
        """Return its container."""
        return one.spec.containers[0]

    def status(self, one: Pod) -> ContainerStatus:
        """Return how it is."""
        return one.status.container_statuses[0]

    def event(self, one: Pod, selector: str, about: str = "") -> str:
        """Return what was said of it."""
        assert one
        return self._said[selector] if about in self._said[selector] else ""

    def last_warning(self, one: Pod, about: str = "") -> str:
        """Return what was complained of."""
        return self.event(one, "type=Warning", about)

    def last_words(self, one: Pod) -> str:
        """Return what it wrote last."""
        return f"last words of {one.metadata.name}"


def copies(*pods: Pod, **said: str) -> Any:
    """Return copies of which the cluster says this."""
    return Copies(*pods, **said)


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


NO_MAP = {"warning": 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'}
LATE = {"initialDelaySeconds": 30}
READINESS = {"httpGet": {"path": "/", "port": 80}}


@pytest.mark.parametrize(
    ("one", "said", "kind", "seen"),
    [
        (pod(state=waiting("ErrImagePull")), {}, Kind.NO_IMAGE, "ErrImagePull"),
        (
            pod(node="", scheduled={"reason": "Unschedulable", "message": "0/3 nodes"}),
            {},
            Kind.NO_NODE,
            "0/3 nodes",
        ),
        (
            pod(node="", scheduled={"reason": "SchedulingGated", "message": "gated"}),
            {},
            Kind.NOT_SCHEDULED,
            "Pending",
        ),
        (pod(resources={"limits": {"memory": "96m"}}), {}, Kind.TINY_LIMIT, "limit 96m"),
        (pod(last={"reason": "OOMKilled", "exitCode": 137}), {}, Kind.OUT_OF_MEMORY, "OOMKilled"),
        (
            pod(state=waiting("CreateContainerConfigError", "container has runAsNonRoot")),
            {},
            Kind.NAMED_USER,
            "web-1: CreateContainerConfigError",
        ),
        (
            pod(state=waiting("CreateContainerConfigError", 'configmap "x" not found')),
            {},
            Kind.MISSING,
            "web-1: CreateContainerConfigError",
        ),
        (
            pod(state=waiting("CreateContainerConfigError")),
            {},
            Kind.REFUSED,
            "web-1: CreateContainerConfigError",
        ),
        (pod(init={"name": "first", "restartCount": 2}), {}, Kind.INIT_FAILS, "web-1: Init:Error"),
        (pod(init={"name": "first"}), {}, Kind.INIT_LASTS, "web-1: Init:0/1"),
        (pod(restarts=1, livenessProbe=READINESS), {"killing": LIVENESS}, Kind.KILLED, "web-1: 1 restart"),
        (
            pod(state=waiting("CrashLoopBackOff"), last={"exitCode": 1}),
            {},
            Kind.ENDS,
            "web-1: CrashLoopBackOff, exit code 1",
        ),
        (pod(state=waiting("RunContainerError")), {}, Kind.NO_COMMAND, "web-1: RunContainerError"),
        (
            pod(readinessProbe=READINESS),
            {"warning": "Readiness probe failed: 503"},
            Kind.UNREADY,
            "web-1: 0/1",
        ),
        (pod(said='readiness gate "x" does not exist'), {}, Kind.GATE, "web-1: Running"),
        (pod(readinessProbe=LATE), {}, Kind.DELAY, "web-1: Running"),
        (pod(state=waiting("ContainerCreating"), readinessProbe=LATE), {}, Kind.UNKNOWN, "web-1: Running"),
        (
            pod(state=waiting("ContainerCreating"), readinessProbe=LATE),
            NO_MAP,
            Kind.MISSING,
            "web-1: ContainerCreating",
        ),
        (
            pod(state=waiting("ContainerCreating")),
            {"warning": "Unable to attach or mount volumes: timed out"},
            Kind.REFUSED,
            "web-1: ContainerCreating",
        ),
        (
            pod(
                init={"name": "first", "state": waiting("PodInitializing")},
                state=waiting("PodInitializing"),
            ),
            NO_MAP,
            Kind.MISSING,
            "web-1: ContainerCreating",
        ),
        (pod(init={"name": "first", "state": {"running": {}}}), NO_MAP, Kind.INIT_LASTS, "web-1: Init:0/1"),
        (pod(), NO_MAP, Kind.UNKNOWN, "web-1: Running"),
        (pod(), {}, Kind.UNKNOWN, "web-1: Running"),
    ],
    ids=lambda each: each.name if isinstance(each, Kind) else "",
)
def test_what_keeps_a_copy_from_getting_ready_is_found(
    one: Pod, said: dict[str, str], kind: Kind, seen: str
) -> None:
    found = hindrance_of(copies(one, **said), one)
    assert (found.kind, found.seen) == (kind, seen)


def test_a_copy_that_its_startup_probe_ends_does_not_end_by_itself() -> None:
    one = pod(restarts=1, last={"exitCode": 1}, startupProbe=READINESS)
    said = {"killing": "Container web failed startup probe", "warning": "Startup probe failed: 404"}
    found = hindrance_of(copies(one, **said), one)
    assert (found.kind, found.evidence) == (Kind.UNREADY, "Startup probe failed: 404")


def test_a_copy_that_ended_with_its_node_does_not_end_by_itself() -> None:
    one = pod(last={"exitCode": 255})
    assert hindrance_of(copies(one), one).kind is Kind.UNKNOWN


def test_a_program_that_ends_is_quoted_and_what_could_not_start_has_said_nothing() -> None:
    ended = pod(last={"exitCode": 1})
    found = end_of(copies(ended), ended)
    assert (found.seen, found.evidence) == ("web-1: running again, exit code 1", "last words of web-1")
    unstarted = pod(last={"reason": "StartError", "exitCode": 128, "message": "no such file"})
    found = end_of(copies(unstarted), unstarted)
    assert (found.kind, found.evidence) == (Kind.NO_COMMAND, "no such file")


def test_a_limit_that_leaves_room_is_no_hindrance() -> None:
    one = pod(resources={"limits": {"memory": "96Mi"}})
    assert short_of_memory(copies(one), one) is None


NEW: dict[str, Any] = {"image": "web:2.0"}
WARNING = "Readiness probe failed: HTTP probe failed with statuscode: 503"


@pytest.mark.parametrize(
    ("new", "warning", "still"),
    [
        (pod("new", **NEW), WARNING, True),
        (pod("new", **NEW), "", False),
        (pod("new", made="2026-11-28T16:09:30Z", **NEW), WARNING, False),
        (pod("new", made="2026-11-28T16:09:30Z", state=waiting("ErrImagePull"), **NEW), "", True),
        (pod("new", readinessProbe={"initialDelaySeconds": 600}, **NEW), WARNING, False),
        (pod("new"), WARNING, False),
    ],
    ids=["waits long", "nothing is wrong", "is new", "has no image", "asks late", "is of the same version"],
)
def test_a_rollout_stands_still_when_its_new_copy_does_not_get_ready_by_itself(
    new: Pod, warning: str, *, still: bool
) -> None:
    found = standing_still(copies(pod("old", ready=True), new, warning=warning))
    assert found is (new if still else None)


@pytest.mark.parametrize(("newest", "still"), [("b", True), ("a", False)])
def test_a_rollout_that_changes_no_image_stands_still_too_and_copies_that_it_replaces_keep_nobody_waiting(
    newest: str, *, still: bool
) -> None:
    serving, waiting = pod("serves", ready=True, template="a"), pod("waits", template="b")
    if not still:
        serving, waiting = pod("serves", ready=True, template="a"), pod("replaced", template="b")
    found = standing_still(copies(serving, waiting, warning=WARNING, newest=newest))
    assert found is (waiting if still else None)


def test_only_copies_with_the_same_hindrance_are_told_together_and_what_is_known_is_told_first() -> None:
    silent, without = pod("a"), pod("b", state=waiting("ErrImagePull"))
    found, same = hindrances(copies(silent, without), [silent, without])
    assert (found.kind, same) == (Kind.NO_IMAGE, [without])
