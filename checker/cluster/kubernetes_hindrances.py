"""What keeps a copy on Kubernetes from getting ready, from the cluster's own words; what that means is the lab's to say."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.cluster.kubernetes import NO_IMAGE, NO_START, NODE_GONE
from checker.cluster.kubernetes_records import quantity, resources_of
from checker.grading.author import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.kubernetes_copies import Copies
    from checker.cluster.kubernetes_records import Pod, Probe

NEEDED_BYTES = 6 * 2**20
"""Below this, a container cannot even be started; such a limit was meant in another unit."""

BEFORE_START = {"ContainerCreating", "PodInitializing"}
"""The cluster's words for a container that was not started yet."""

STILL_SECONDS = 45.0
"""How old a copy of a new version has to be, besides what its probes put off, until its rollout counts as stuck."""


class Kind(enum.Enum):
    """What keeps a copy from getting ready."""

    NO_IMAGE = enum.auto()
    """Its node does not have its image and does not get it."""
    NO_NODE = enum.auto()
    """No node takes what it asks for."""
    NOT_SCHEDULED = enum.auto()
    """Nobody has looked for a node for it."""
    TINY_LIMIT = enum.auto()
    """With its limit of memory, no container can be started."""
    OUT_OF_MEMORY = enum.auto()
    """It was killed because it reached its limit of memory."""
    NAMED_USER = enum.auto()
    """It must not run as root, and its image names a user that the node cannot tell from root."""
    MISSING = enum.auto()
    """Something that its pod refers to is not there."""
    REFUSED = enum.auto()
    """The node cannot start it as its pod says, for another reason."""
    INIT_FAILS = enum.auto()
    """An init container ends with an error, again and again."""
    INIT_LASTS = enum.auto()
    """An init container has not ended."""
    KILLED = enum.auto()
    """Its liveness probe fails."""
    NO_COMMAND = enum.auto()
    """The node cannot run its command."""
    ENDS = enum.auto()
    """Its program ends by itself."""
    UNREADY = enum.auto()
    """Its readiness or startup probe fails."""
    GATE = enum.auto()
    """Something else has to say that it is ready."""
    DELAY = enum.auto()
    """Its probes put off the first question."""
    UNKNOWN = enum.auto()


@dataclass(frozen=True)
class Hindrance:
    """What keeps a copy from getting ready.

    Args:
        kind: what it is.
        seen: how the cluster shows the copy.
        evidence: what the cluster, or the copy itself, says about it.
        probe: the probe that fails, if one does.
        init: the name of the init container that is in the way, if one is.
    """

    kind: Kind
    seen: str
    evidence: str
    probe: Probe | None = None
    init: str = ""


def hindrances(copies: Copies, late: Sequence[Pod]) -> tuple[Hindrance, list[Pod]]:
    """Return what keeps copies from getting ready, and those of them that it keeps: that which `Kind` names first.

    Args:
        copies: the copies.
        late: those that are not ready, one at least.
    """
    found = [(hindrance_of(copies, pod), pod) for pod in late]
    first, _ = min(found, key=lambda each: each[0].kind.value)
    return first, [pod for each, pod in found if each.kind is first.kind]


def hindrance_of(copies: Copies, pod: Pod) -> Hindrance:
    """Return what keeps a copy that is not ready from getting ready."""
    return (
        _unplaced(copies, pod)
        or short_of_memory(copies, pod)
        or _not_started(copies, pod)
        or _not_mounted(copies, pod)
        or _behind_another(copies, pod)
        or _started_again(copies, pod)
        or _unready(copies, pod)
        or _unasked(copies, pod)
    )


def _unplaced(copies: Copies, pod: Pod) -> Hindrance | None:
    if pod.trouble in NO_IMAGE:
        return Hindrance(Kind.NO_IMAGE, pod.trouble, copies.last_warning(pod))
    if pod.spec.node_name:
        return None
    kind = Kind.NO_NODE if pod.unschedulable else Kind.NOT_SCHEDULED
    return Hindrance(kind, pod.unschedulable or pod.trouble or pod.status.phase, copies.last_warning(pod))


def short_of_memory(copies: Copies, pod: Pod) -> Hindrance | None:
    """Return that a copy's limit of memory is too low, if it is."""
    limit = resources_of(pod, copies.container(pod)).limits.get("memory", "")
    if limit and quantity(limit) < NEEDED_BYTES:
        return Hindrance(Kind.TINY_LIMIT, f"limit {limit}", copies.last_warning(pod))
    ends = [each.last_state.terminated for each in pod.status.container_statuses]
    if pod.trouble == "OOMKilled" or any(each and each.reason == "OOMKilled" for each in ends):
        return Hindrance(Kind.OUT_OF_MEMORY, "OOMKilled", copies.last_warning(pod))
    return None


def _not_started(copies: Copies, pod: Pod) -> Hindrance | None:
    if pod.trouble != "CreateContainerConfigError":
        return None
    waiting = copies.status(pod).state.waiting
    said = waiting.message if waiting else ""
    kind = Kind.NAMED_USER if "runAsNonRoot" in said else _refused(said)
    return Hindrance(kind, f"{pod.metadata.name}: {pod.trouble}", said or copies.last_warning(pod))


def _refused(said: str) -> Kind:
    """Return what it is when a node cannot give a copy what its pod refers to."""
    missing = any(words in said for words in ("not found", "couldn't find", "non-existent"))
    return Kind.MISSING if missing else Kind.REFUSED


def _not_mounted(copies: Copies, pod: Pod) -> Hindrance | None:
    """Return that a volume keeps all containers of a copy from being started; only events say so, the pod does not."""
    there = [
        each.state.waiting for each in pod.status.init_container_statuses + pod.status.container_statuses
    ]
    if any(each is None or each.reason not in BEFORE_START for each in there):
        return None
    last = copies.last_warning(pod)
    if "MountVolume" not in last and "mount volumes" not in last:
        return None
    said = copies.last_warning(pod, "MountVolume") or last
    return Hindrance(_refused(said), f"{pod.metadata.name}: ContainerCreating", said)


def _behind_another(copies: Copies, pod: Pod) -> Hindrance | None:
    for each in pod.status.init_container_statuses:
        ended = each.state.terminated
        if not each.ready and not (ended and ended.exit_code == 0):
            fails = each.restart_count or ended
            kind, shown = (Kind.INIT_FAILS, "Init:Error") if fails else (Kind.INIT_LASTS, "Init:0/1")
            seen = f"{pod.metadata.name}: {shown}"
            return Hindrance(kind, seen, copies.last_warning(pod), init=each.name)
    return None


def _started_again(copies: Copies, pod: Pod) -> Hindrance | None:
    """Return why a copy was started again and again, if it was: a probe may also have failed once, without consequences."""
    killed = copies.event(pod, "reason=Killing", "failed") if pod.restarts else ""
    if "liveness" in killed:
        seen = f"{pod.metadata.name}: {pod.restarts} restart{'s' * (pod.restarts != 1)}"
        probe = copies.container(pod).liveness_probe
        return Hindrance(Kind.KILLED, seen, copies.last_warning(pod, "Liveness probe"), probe)
    status = copies.status(pod)
    last = status.last_state.terminated
    ends = (
        pod.trouble in NO_START or status.state.terminated or (last and last.exit_code not in {0, NODE_GONE})
    )
    return end_of(copies, pod) if ends and "startup" not in killed else None


def end_of(copies: Copies, pod: Pod) -> Hindrance:
    """Return how a copy ends: by itself, or because its command cannot be run at all."""
    status = copies.status(pod)
    last = status.state.terminated or status.last_state.terminated
    seen = f"{pod.metadata.name}: {pod.trouble or 'running again'}"
    said = (last.message if last else "") or copies.last_words(pod) or copies.last_warning(pod)
    if last is None or last.reason in {"StartError", "ContainerCannotRun"}:
        return Hindrance(Kind.NO_COMMAND, seen, said)
    return Hindrance(Kind.ENDS, f"{seen}, exit code {last.exit_code}", said)


def _unready(copies: Copies, pod: Pod) -> Hindrance | None:
    container = copies.container(pod)
    for name, probe in (("Readiness", container.readiness_probe), ("Startup", container.startup_probe)):
        if probe and (complaint := copies.last_warning(pod, f"{name} probe")):
            return Hindrance(Kind.UNREADY, f"{pod.metadata.name}: 0/1", complaint, probe)
    return None


def _unasked(copies: Copies, pod: Pod) -> Hindrance:
    """Return what it is when no probe has complained."""
    said = next((each.message for each in pod.status.conditions if each.type == "Ready"), "")
    if "readiness gate" in said:
        kind = Kind.GATE
    else:
        # Until its container runs, it is not the probes that put anything off.
        delayed = copies.container(pod).delay and copies.status(pod).state.running
        kind = Kind.DELAY if delayed else Kind.UNKNOWN
    seen = f"{pod.metadata.name}: {pod.trouble or pod.status.phase}"
    return Hindrance(kind, seen, copies.last_warning(pod) or said)


# -- rollouts --------------------------------------------------------------------------------------------------


def is_stuck(copies: Copies, pod: Pod) -> bool:
    """Whether a copy that is not ready will not get ready by itself: it cannot start, or was given long enough."""
    if pod.unschedulable or pod.trouble in NO_START:
        return True
    waited = copies.looked_at - moment(pod.metadata.creation_timestamp or "")
    enough = waited > STILL_SECONDS + copies.container(pod).delay
    return enough and bool(pod.trouble or copies.last_warning(pod))


def standing_still(copies: Copies) -> Pod | None:
    """Return a copy that keeps a rollout waiting while older ones of the same workload serve; None if there is none."""

    def made_of(pod: Pod) -> str:
        return pod.metadata.revision or copies.container(pod).image

    serving = {(copies.owner(pod), made_of(pod)) for pod in copies.pods if pod.ready}
    for pod in copies.pods:
        older = any(owner == copies.owner(pod) and was != made_of(pod) for owner, was in serving)
        if not pod.ready and older and is_stuck(copies, pod) and copies.is_current(pod):
            return pod
    return None
