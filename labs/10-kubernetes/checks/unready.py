"""Why copies do not get ready: the reasons, from what the cluster says keeps them from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.interface import count_of, lost_nodes
from checker.cluster.kubernetes import is_between_two_ends
from checker.cluster.kubernetes_hindrances import Hindrance, Kind, end_of, hindrances, short_of_memory
from checker.cluster.kubernetes_records import quantity, resources_of
from checker.grading.author import could_not_run

from .parcel import LISTENS, WHY
from .rollouts import require_going_on

if TYPE_CHECKING:
    from checker.cluster.kubernetes_records import Pod, Probe, Resources
    from checker.grading.author import Lab

    from .parcel import Parcel

SLOW_CORES = 0.05
"""Below this limit, Parcel needs several seconds to start, and to answer."""

REASONS = {
    Kind.NO_IMAGE: "no-such-image",
    Kind.NO_NODE: "no-node-takes-it",
    Kind.NOT_SCHEDULED: "not-scheduled",
    Kind.TINY_LIMIT: "limit-below-all",
    Kind.OUT_OF_MEMORY: "killed-by-its-limit",
    Kind.NAMED_USER: "not-root-by-name",
    Kind.MISSING: "reference-missing",
    Kind.REFUSED: "not-as-it-says",
    Kind.INIT_FAILS: "first-container-fails",
    Kind.INIT_LASTS: "first-container-waits",
    Kind.KILLED: "killed-by-liveness",
    Kind.NO_COMMAND: "command-cannot-run",
    Kind.ENDS: "ends-by-itself",
    Kind.UNREADY: "probe-fails",
    Kind.GATE: "readiness-gate",
    Kind.DELAY: "not-asked-yet",
    Kind.UNKNOWN: "not-ready",
}


def fail_not_ready(lab: Lab, parcel: Parcel, late: list[Pod]) -> NoReturn:
    """End the check: too few copies are ready, and this is why."""
    lost = lost_nodes(lab, [pod.spec.node_name for pod in late])
    if lost:
        could_not_run(
            f"Copies were on {' and '.join(lost)}, which {'is' if len(lost) == 1 else 'are'} lost, and are not made again "
            f"elsewhere yet. `lab lose {int(lab.number)} --back` brings {'it' if len(lost) == 1 else 'them'} back."
        )
    require_going_on(parcel)
    found, same = hindrances(parcel, parcel.newest(late))
    _fail(parcel, same, found)


def require_steady(lab: Lab, parcel: Parcel) -> None:
    """Require that no copy that is ready now ends again and again, and is ready only in between."""
    now = lab.engine.clock.now()
    ended = [
        pod
        for pod in parcel.pods
        if is_between_two_ends(parcel.status(pod), now) and not parcel.event(pod, "reason=Killing", "failed")
    ]
    if ended:
        _fail(parcel, ended, short_of_memory(parcel, ended[0]) or end_of(parcel, ended[0]))


def _fail(parcel: Parcel, pods: list[Pod], found: Hindrance) -> NoReturn:
    """End the check: this keeps copies from being ready, as it keeps the first of them."""
    pod = pods[0]
    container, where = parcel.container(pod), f"{pod.metadata.name}{pod.metadata.space}"
    limits = resources_of(pod, container)
    delay = f" The probes put off the first question by up to {container.delay} s." if container.delay else ""
    WHY.fail(
        _reason(parcel, pod, found),
        counted=f"{len(pods)} of {count_of(len(parcel.pods))}",
        down=len(pods),
        pod=where,
        source=f"kubectl describe pod {where}",
        image=container.image,
        known=" or ".join(_known(parcel)),
        limit=limits.limits.get("memory", ""),
        bytes=quantity(limits.limits.get("memory", "0")),
        asks=found.probe.asks if found.probe else "nothing",
        slowed=_slowed(limits, found.evidence),
        helps=_what_helps(found.probe, found.evidence),
        delay=delay,
        first=found.init,
        seen=found.seen,
        evidence=found.evidence,
    )


def _reason(parcel: Parcel, pod: Pod, found: Hindrance) -> str:
    """Return the reason's name; where Parcel, or a usual slip, makes a reason of its own of it, that one."""
    container = parcel.container(pod)
    limit = resources_of(pod, container).limits.get("memory", "")
    if found.kind is Kind.NO_IMAGE and container.image_pull_policy == "Always":
        has_it = container.image.removeprefix("docker.io/") in _known(parcel)
        return "image-asked-for-elsewhere" if has_it else "no-such-image"
    if found.kind is Kind.TINY_LIMIT and limit.endswith("m"):
        return "limit-in-thousandths"
    if found.kind is Kind.KILLED and found.probe and found.probe.http_get:
        return "killed-until-ready" if found.probe.http_get.path == "/readyz" else "killed-by-liveness"
    if found.kind is Kind.UNREADY and "statuscode: 503" in found.evidence:
        return "still-starting"
    return REASONS[found.kind]


def _known(parcel: Parcel) -> list[str]:
    """Return the images that every node has."""
    return [f"{parcel.cluster.image}:{version}" for version in ("1.0", "2.0")]


def _what_helps(probe: Probe | None, complaint: str) -> str:
    asked = probe.http_get if probe else None
    if asked and asked.host:
        return (
            f"With `host`, the node asks {asked.host}, a name that it looks up itself, and not the copy: `localhost` is the node's "
            "own. Whom does a probe of `practice.yaml` ask?"
        )
    if asked and asked.scheme == "HTTPS":
        return "Parcel speaks HTTP, without encryption. Which `scheme` does a probe of `practice.yaml` have?"
    if "timed out" in complaint or "deadline exceeded" in complaint:
        return (
            "No answer came within the probe's `timeoutSeconds`. Does the port speak what the probe asks, and is the copy's "
            "limit of cpu enough for it?"
        )
    return (
        f"Unless it is set to another one, Parcel listens on port {LISTENS}; it answers /readyz and /healthz. "
        "What does the probe name: which port, which path, which command?"
    )


def _slowed(given: Resources, complaint: str) -> str:
    """Return that a copy is slow by its own limit, if nothing answered in time and it is; otherwise nothing."""
    limit = given.limits.get("cpu", "")
    if not limit or quantity(limit) >= SLOW_CORES:
        return ""
    unheard = any(word in complaint for word in ("timed out", "deadline exceeded", "connection refused"))
    slow = f" With a limit of {limit} of cpu, a copy needs many seconds for what takes less than one."
    return slow if unheard else ""
