"""Why copies do not get ready: the reasons, from the cluster's own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.interface import lost_nodes
from checker.cluster.kubernetes import NO_IMAGE, NODE_GONE, is_between_two_ends
from checker.cluster.kubernetes_records import quantity, resources_of
from checker.grading.author import could_not_run

from .parcel import LISTENS, WHY, space
from .rollouts import NO_START, delay, fail_standing_still, standing_still

if TYPE_CHECKING:
    from checker.cluster.kubernetes_records import Container, ContainerStatus, Pod, Probe
    from checker.grading.author import Lab

    from .parcel import Parcel

NEEDED_BYTES = 6 * 2**20
"""Below this, a container cannot even be started; such a limit was meant in another unit."""
SLOW_CORES = 0.05
"""Below this limit, Parcel needs several seconds to start, and to answer."""


@dataclass(frozen=True)
class Late:
    """A copy that is not ready, in place of all that are not.

    Args:
        parcel: the learner's Parcel.
        pod: the copy.
        counted: how many there are, for the learner.
    """

    parcel: Parcel
    pod: Pod
    counted: str

    @property
    def container(self) -> Container:
        """Parcel's container in it."""
        return self.parcel.container(self.pod)

    @property
    def status(self) -> ContainerStatus:
        """How that container is."""
        return self.parcel.status(self.pod)

    def warning(self, about: str = "") -> str:
        """Return what the cluster last complained of about it."""
        return self.parcel.last_warning(self.pod, about)

    @property
    def limit(self) -> str:
        """Its limit of memory, as it was written; empty if it has none."""
        return resources_of(self.pod, self.container).limits.get("memory", "")

    def fail(
        self,
        reason: str,
        seen: str,
        evidence: str,
        *,
        probe: Probe | None = None,
        delay: str = "",
        first: str = "",
    ) -> NoReturn:
        """End the check for a reason."""
        where = f"{self.pod.metadata.name}{space(self.pod)}"
        WHY.fail(
            reason,
            counted=self.counted,
            pod=where,
            source=f"kubectl describe pod {where}",
            image=self.container.image,
            known=" or ".join(_known(self.parcel)),
            limit=self.limit,
            bytes=quantity(self.limit or "0"),
            asks=probe.asks if probe else "nothing",
            slowed=_slowed(self, evidence),
            helps=_what_helps(probe, evidence),
            delay=delay,
            first=first,
            seen=seen,
            evidence=evidence,
        )


def fail_not_ready(lab: Lab, parcel: Parcel, late: list[Pod]) -> NoReturn:
    """End the check: too few copies are ready, and this is why."""
    lost = lost_nodes(lab, [pod.spec.node_name for pod in late])
    if lost:
        could_not_run(
            f"Copies were on {' and '.join(lost)}, which {'is' if len(lost) == 1 else 'are'} lost, and are not made again "
            f"elsewhere yet. `lab lose {int(lab.number)} --back` brings {'it' if len(lost) == 1 else 'them'} back."
        )
    if stuck := standing_still(parcel):
        fail_standing_still(parcel, stuck)
    pod = late[0]
    one = Late(parcel, pod, f"{len(late)} of {len(parcel.pods)} copies")
    _require_started(one)
    # A probe may also have failed once, without consequences.
    killed = parcel.event(pod, "reason=Killing", "failed") if pod.restarts else ""
    if "liveness" in killed:
        _fail_killed(one, one.container.liveness_probe)
    if "startup" not in killed and _ends_by_itself(one):
        _fail_ended(one)
    for kind, probe in (
        ("Readiness", one.container.readiness_probe),
        ("Startup", one.container.startup_probe),
    ):
        if probe and (complaint := one.warning(f"{kind} probe")):
            _fail_unready(one, probe, complaint)
    _fail_unasked(one)


# -- not started -----------------------------------------------------------------------------------------------


def _require_started(late: Late) -> None:
    """End the check when something keeps the copy's container from being started."""
    pod = late.pod
    if pod.trouble in NO_IMAGE:
        _fail_without_image(late)
    if not pod.spec.node_name:
        reason = "no-node-takes-it" if pod.unschedulable else "not-scheduled"
        late.fail(reason, pod.unschedulable or pod.trouble or pod.status.phase, late.warning())
    _require_room_in_memory(late)
    if pod.trouble == "CreateContainerConfigError":
        _fail_refused_start(late)
    for each in pod.status.init_container_statuses:
        ended = each.state.terminated
        if not each.ready and not (ended and ended.exit_code == 0):
            fails = each.restart_count or ended
            reason, shown = (
                ("first-container-fails", "Init:Error") if fails else ("first-container-waits", "Init:0/1")
            )
            late.fail(reason, f"{pod.metadata.name}: {shown}", late.warning(), first=each.name)


def _known(parcel: Parcel) -> list[str]:
    """Return the images that every node has."""
    return [f"{parcel.cluster.image}:{version}" for version in ("1.0", "2.0")]


def _fail_without_image(late: Late) -> NoReturn:
    asks = late.container.image_pull_policy == "Always"
    has_it = late.container.image.removeprefix("docker.io/") in _known(late.parcel)
    reason = "image-asked-for-elsewhere" if asks and has_it else "no-such-image"
    late.fail(reason, late.pod.trouble, late.warning())


def _require_room_in_memory(late: Late) -> None:
    limit = late.limit
    if limit and quantity(limit) < NEEDED_BYTES:
        reason = "limit-in-thousandths" if limit.endswith("m") else "limit-below-all"
        late.fail(reason, f"limit {limit}", late.warning())
    last = [each.last_state.terminated for each in late.pod.status.container_statuses]
    if late.pod.trouble == "OOMKilled" or any(each and each.reason == "OOMKilled" for each in last):
        late.fail("killed-by-its-limit", "OOMKilled", late.warning())


def _fail_refused_start(late: Late) -> NoReturn:
    waiting = late.status.state.waiting
    said = waiting.message if waiting else ""
    late.fail(
        "not-root-by-name"
        if "runAsNonRoot" in said
        else "reference-missing"
        if "not found" in said or "couldn't find" in said
        else "not-as-it-says",
        f"{late.pod.metadata.name}: {late.pod.trouble}",
        said or late.warning(),
    )


# -- started again and again -----------------------------------------------------------------------------------


def _fail_killed(late: Late, probe: Probe | None) -> NoReturn:
    restarts = late.pod.restarts
    late.fail(
        "killed-until-ready"
        if probe and probe.http_get and probe.http_get.path == "/readyz"
        else "killed-by-liveness",
        f"{late.pod.metadata.name}: {restarts} restart{'s' * (restarts != 1)}",
        late.warning("Liveness probe"),
        probe=probe,
    )


def require_steady(lab: Lab, parcel: Parcel) -> None:
    """Require that no copy that is ready now ends again and again, and is ready only in between."""
    now = lab.engine.clock.now()
    ended = [
        pod
        for pod in parcel.pods
        if is_between_two_ends(parcel.status(pod), now) and not parcel.event(pod, "reason=Killing", "failed")
    ]
    if ended:
        late = Late(parcel, ended[0], f"{len(ended)} of {len(parcel.pods)} copies")
        _require_room_in_memory(late)
        _fail_ended(late)


def _ends_by_itself(late: Late) -> bool:
    if late.pod.trouble in NO_START or late.status.state.terminated:
        return True
    last = late.status.last_state.terminated
    return last is not None and last.exit_code not in {0, NODE_GONE}


def _fail_ended(late: Late) -> NoReturn:
    """End the check: Parcel ends by itself, or its command cannot be run at all."""
    last = late.status.state.terminated or late.status.last_state.terminated
    unstarted = last is None or last.reason in {"StartError", "ContainerCannotRun"}
    late.fail(
        "command-cannot-run" if unstarted else "ends-by-itself",
        f"{late.pod.metadata.name}: {late.pod.trouble or 'running again'}"
        + (f", exit code {last.exit_code}" if last and not unstarted else ""),
        (last.message if last else "") or late.parcel.last_words(late.pod) or late.warning(),
    )


# -- running, and not ready ------------------------------------------------------------------------------------


def _fail_unready(late: Late, probe: Probe, complaint: str) -> NoReturn:
    late.fail(
        "still-starting" if "statuscode: 503" in complaint else "probe-fails",
        f"{late.pod.metadata.name}: 0/1",
        complaint,
        probe=probe,
    )


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


def _slowed(late: Late, complaint: str) -> str:
    """Return that a copy is slow by its own limit, if nothing answered in time and it is; otherwise nothing."""
    limit = resources_of(late.pod, late.container).limits.get("cpu", "")
    if not limit or quantity(limit) >= SLOW_CORES:
        return ""
    unheard = any(word in complaint for word in ("timed out", "deadline exceeded", "connection refused"))
    slow = f" With a limit of {limit} of cpu, a copy needs many seconds for what takes less than one."
    return slow if unheard else ""


def _fail_unasked(late: Late) -> NoReturn:
    """End the check: no probe has complained, so it is something else that keeps copies from being ready."""
    pod, seconds = late.pod, delay(late.container)
    said = next((each.message for each in pod.status.conditions if each.type == "Ready"), "")
    late.fail(
        "readiness-gate" if "readiness gate" in said else "not-asked-yet" if seconds else "not-ready",
        f"{pod.metadata.name}: {pod.trouble or pod.status.phase}",
        late.warning() or said,
        delay=f" Their probes put off the first question by up to {seconds} s." if seconds else "",
    )
