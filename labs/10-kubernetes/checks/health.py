"""What the learner's probes make of a copy that is not ready, and of one that hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.cluster.kubernetes_probing import Fault, try_probes
from checker.cluster.kubernetes_records import Probe
from checker.cluster.kubernetes_rehearsal import App
from checker.cluster.kubernetes_services import written_slices

from .parcel import ALIVE, WHY, probes_of
from .rollouts import require_current

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Workload
    from checker.cluster.kubernetes_probing import Finding
    from checker.cluster.kubernetes_records import Container, Pod, Service

    from .parcel import Parcel

HEALED_SECONDS = 60
"""A copy that hangs must be started again within a minute."""
_AT_ONCE = Probe(period_seconds=0)
"""What a pod without a startup probe has in its place."""


def require_heeded(parcel: Parcel, service: Service) -> None:
    """Fail when users are sent to copies whether these are ready or not."""
    name = service.metadata.name
    WHY.require(
        not service.spec.publish_not_ready_addresses,
        "not-ready-published",
        service=name,
        space=service.metadata.space,
        seen="publishNotReadyAddresses: true",
    )
    WHY.require(
        service.spec.selector,
        "address-by-hand",
        service=name,
        space=service.metadata.space,
        seen="no selector",
    )
    written = written_slices(parcel.cluster.api, service)
    WHY.require(
        not written,
        "slice-by-hand",
        service=name,
        slices=written,
        space=service.metadata.space,
        seen=f"EndpointSlice {', '.join(written)}",
    )


def judge(parcel: Parcel) -> None:
    """Fail unless all pods get requests only when they are ready, and are started again when they hang."""
    for workload in parcel.workloads:
        _judge(parcel, workload)


def _judge(parcel: Parcel, workload: Workload) -> None:
    require_current(parcel, workload, probes_of)
    pod = parcel.pods_of(workload)[0]
    container = parcel.container(pod)
    source = f"kubectl describe {workload.title}{workload.space}"
    WHY.require(
        container.readiness_probe,
        "no-readiness-probe",
        since="the end of its start on" if container.startup_probe else "its first moment",
        source=source,
        seen=f"none in {workload.title}",
    )
    WHY.require(
        container.liveness_probe, "no-liveness-probe", source=source, seen=f"none in {workload.title}"
    )
    _require_soon(container, source)
    parcel.cluster.lab.disturb("starts two more copies of your pod, and lets one hang")
    found = try_probes(parcel, workload, _app(parcel, pod), healed=HEALED_SECONDS)
    if found:
        _fail(found, container, source)


def _app(parcel: Parcel, pod: Pod) -> App:
    """Return what has to be known of Parcel in the copies of a pod."""
    never, at_once = ({"PARCEL_READY_DELAY_MS": delay} for delay in ("86400000", "0"))
    return App(parcel.listens(pod), ALIVE, "/readyz", "/hang", late=never, hung=at_once)


def _require_soon(container: Container, source: str) -> None:
    """Fail when the probes leave a copy that hangs, or cannot serve any more, as it is for too long."""

    def require_within(seconds: int, reason: str, seen: str) -> None:
        soon = seconds <= HEALED_SECONDS
        WHY.require(soon, reason, seconds=seconds, source=source, seen=seen)

    liveness, readiness = container.liveness_probe or Probe(), container.readiness_probe or Probe()
    startup = container.startup_probe or _AT_ONCE
    require_within(liveness.noticed_after, "hang-noticed-late", _rhythm(liveness))
    delay = liveness.initial_delay_seconds
    require_within(delay, "not-asked-at-first", f"initialDelaySeconds: {delay}")
    require_within(
        max(startup.initial_delay_seconds, startup.period_seconds),
        "startup-asked-late",
        f"startup probe: initialDelaySeconds {startup.initial_delay_seconds}, periodSeconds {startup.period_seconds}",
    )
    require_within(readiness.noticed_after, "unready-noticed-late", f"readiness probe: {_rhythm(readiness)}")


def _rhythm(probe: Probe) -> str:
    return f"asked every {probe.period_seconds} s, given up after {probe.failure_threshold} failures"


def _fail(found: Finding, container: Container, source: str) -> NoReturn:
    """End the check: the probes were tried, and this is what they make of a copy."""
    noticed = container.liveness_probe.noticed_after if container.liveness_probe else 0
    took = "" if found.took is None else f"{found.took:.0f} s"
    reason, seen = {
        Fault.NEVER_READY: ("never-counted-ready", "READY 0/1"),
        Fault.ALWAYS_READY: ("always-counted-ready", "READY 1/1, while /readyz answers 503"),
        Fault.KILLED: (
            "killed-as-unready" if "statuscode: 503" in found.evidence else "killed-though-alive",
            f"killed while it was {'getting ready' if found.late else 'ready'}",
        ),
        Fault.NOT_NOTICED: ("hang-not-noticed", "0 restarts"),
        Fault.SLOW: (
            "slow-to-end",
            f"told to end, and {f'started again {took} later' if took else 'not started again yet'}",
        ),
    }[found.fault]
    WHY.fail(
        reason,
        late=", but is not ready yet," if found.late else "",
        kind=found.kind,
        fails=_fails(found.probe, found.evidence),
        ends="A startup probe that fails too often ends the copy. " if found.kind == "startup" else "",
        noticed=noticed,
        given=took or f"more than {HEALED_SECONDS - noticed} s",
        source=source,
        told=found.told,
        seen=seen,
        evidence=found.evidence,
    )


def _fails(probe: Probe | None, complaint: str) -> str:
    """Return what a probe asks, and why a copy that lives does not pass it."""
    asks = probe.asks if probe else "something else"
    if "statuscode: 503" in complaint:
        return f"asks whether it is ready ({asks})"
    if "statuscode: 404" in complaint:
        return f"asks {asks}: Parcel knows no such path"
    if "connection refused" in complaint:
        return f"asks {asks}, where nobody listens"
    by_grpc = probe is not None and probe.grpc is not None
    return f"asks {asks}, which {'Parcel does not speak' if by_grpc else 'fails though the copy lives'}"
