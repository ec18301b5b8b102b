"""What the learner's probes make of a copy that is not ready, and of one that hangs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from checker.cluster import trial
from checker.cluster.kubernetes_records import Probe
from checker.cluster.kubernetes_rehearsal import HUNG, LATE, App, Rehearsal, rehearsal
from checker.cluster.kubernetes_services import written_slices
from checker.grading.author import could_not_run, wait_until

from .parcel import ALIVE, WHY, probes_of
from .rollouts import require_current

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Workload
    from checker.cluster.kubernetes_records import Container, Pod, Service

    from .parcel import Parcel

HEALED_SECONDS = 60
"""A copy that hangs must be started again within a minute."""
READY_SECONDS = 30.0
"""How long a node may take to count a copy as ready that says so itself."""
SPARE_SECONDS = 3.0
"""How much longer than a probe needs it is watched."""
SLOW_SECONDS = 15.0
"""How much longer than a probe needs it is waited for: a busy node asks late."""
_AT_ONCE = Probe(period_seconds=0)
"""What a pod without a startup probe has in its place."""
TOLERANCE_SECONDS = 5.0
"""By how much what was measured may be above what is allowed: it was measured by asking again and again."""


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
    source = f"kubectl describe {workload.title}{pod.metadata.space}"
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
    with rehearsal(parcel, workload, _app(parcel, pod)) as pods:
        _Trial(container, pods, source).judge()


def _app(parcel: Parcel, pod: Pod) -> App:
    """Return what has to be known of Parcel in the copies of a pod."""
    never, at_once = ({"PARCEL_READY_DELAY_MS": delay} for delay in ("86400000", "0"))
    return App(parcel.listens(pod), ALIVE, hang="/hang", late=never, hung=at_once)


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


def _fails(asks: str, complaint: str, *, by_grpc: bool) -> str:
    """Return what a probe asks, and why a copy that lives does not pass it."""
    if "statuscode: 503" in complaint:
        return f"asks whether it is ready ({asks})"
    if "statuscode: 404" in complaint:
        return f"asks {asks}: Parcel knows no such path"
    if "connection refused" in complaint:
        return f"asks {asks}, where nobody listens"
    return f"asks {asks}, which {'Parcel does not speak' if by_grpc else 'fails though the copy lives'}"


class _Trial:
    """One workload's pods, judged by the two that were made after them.

    Args:
        container: Parcel's container in one of the learner's pods.
        pods: the two pods.
        source: the command that shows the learner the probes.
    """

    def __init__(self, container: Container, pods: Rehearsal, source: str) -> None:
        self._container = container
        self._pods = pods
        self._source = source
        self._given_up: float | None = None
        self._started_again: float | None = None

    def judge(self) -> None:
        """Try both."""
        self._require_ready()
        for name in (LATE, HUNG):
            self._require_alive(name)
        before = self._pods.status(HUNG).restart_count
        self._pods.hang()
        begun = time.monotonic()

        def is_wrong() -> bool:
            self._note(before, time.monotonic() - begun)
            return self._pods.is_given_up(LATE) or self._pods.is_ready(LATE)

        wait_until(is_wrong, self._watched_seconds, every=0.4)
        self._require_not_ready()
        self._require_alive(LATE)
        left = trial.failing(self._pods.probe("livenessProbe")) + SLOW_SECONDS - (time.monotonic() - begun)

        def is_given_up() -> bool:
            self._note(before, time.monotonic() - begun)
            return self._given_up is not None

        done = wait_until(is_given_up, max(left, 0.0), every=0.4)
        self._require(done, "hang-not-noticed", "0 restarts")
        self._require_started_again(before, begun)

    def _require(self, condition: object, reason: str, seen: str, evidence: str = "") -> None:
        WHY.require(
            condition, reason, source=self._source, told=self._pods.told, seen=seen, evidence=evidence
        )

    # -- ready, or not -----------------------------------------------------------------------------------------

    def _require_ready(self) -> None:
        seconds = READY_SECONDS + trial.failing(self._pods.probe("readinessProbe"))
        done = wait_until(lambda: self._pods.is_ready(LATE) or self._pods.is_ready(HUNG), seconds, every=0.3)
        self._require_not_ready()
        self._require(done, "never-counted-ready", "READY 0/1", self._pods.complaint(HUNG, "Readiness"))

    def _require_not_ready(self) -> None:
        if self._pods.is_ready(LATE) and self._pods.answers(LATE, "/readyz")[0] == 200:
            could_not_run(
                "A copy of your pod was to say that it is not ready, and says that it is: its command sets PARCEL_READY_DELAY_MS "
                "itself. Set it under `env`, where the checker can set another value for its copy."
            )
        ready = self._pods.is_ready(LATE)
        self._require(not ready, "always-counted-ready", "READY 1/1, while /readyz answers 503")

    @property
    def _watched_seconds(self) -> float:
        """How long a copy that is not ready is left alone by probes that leave such copies alone."""
        startup = self._pods.probe("startupProbe")
        patience = trial.patience(startup) if "tcpSocket" not in startup else 0
        return max(trial.failing(self._pods.probe("livenessProbe")), patience) + SPARE_SECONDS

    def _require_alive(self, name: str) -> None:
        """Require that a copy which lives was not started again for its health."""
        if not self._pods.is_given_up(name):
            return
        said = self._pods.killing(name)
        startup = self._pods.complaint(name, "Startup")
        kind = "startup" if "startup" in said or (startup and "liveness" not in said) else "liveness"
        complaint = self._pods.complaint(name, kind.capitalize())
        if not said and not complaint:
            could_not_run("A copy of your pod ended while its probes were tried, and not because of a probe.")
        probe = self._container.startup_probe if kind == "startup" else self._container.liveness_probe
        # What speaks another protocol, or is another host, is not slow.
        astray = probe and (probe.grpc or (probe.http_get and probe.http_get.host))
        if not astray and ("deadline exceeded" in complaint or "timed out" in complaint):
            could_not_run(
                f"A copy of your pod was killed because it did not answer its {kind} probe in time: this machine is too busy "
                f"for a probe that waits {probe.timeout_seconds if probe else 1} s. Check again."
            )
        fails = _fails(
            probe.asks if probe else "something else", complaint, by_grpc=bool(probe and probe.grpc)
        )
        WHY.fail(
            "killed-as-unready" if "statuscode: 503" in complaint else "killed-though-alive",
            late=", but is not ready yet," if name == LATE else "",
            kind=kind,
            fails=fails,
            ends="A startup probe that fails too often ends the copy. " if kind == "startup" else "",
            source=self._source,
            told=self._pods.told,
            seen=f"killed while it was {'getting ready' if name == LATE else 'ready'}",
            evidence=complaint or said,
        )

    # -- hung --------------------------------------------------------------------------------------------------

    def _note(self, before: int, seconds: float) -> None:
        again = self._pods.status(HUNG).restart_count > before
        if self._given_up is None and (again or (not before and self._pods.killing(HUNG))):
            self._given_up = seconds
        if self._started_again is None and again:
            self._started_again = seconds

    def _require_started_again(self, before: int, begun: float) -> None:
        """Require that what is given up is also started again soon: it may be given long to end."""
        probe = self._container.liveness_probe
        noticed = probe.noticed_after if probe else 0
        allowed = HEALED_SECONDS - noticed
        given_up = self._given_up or 0.0

        def is_back() -> bool:
            self._note(before, time.monotonic() - begun)
            return self._started_again is not None

        passed = time.monotonic() - begun - given_up
        done = wait_until(is_back, allowed + TOLERANCE_SECONDS - passed, every=0.4)
        took = (self._started_again or 0.0) - given_up
        WHY.require(
            done and took <= allowed + TOLERANCE_SECONDS,
            "slow-to-end",
            noticed=noticed,
            given=f"{took:.0f} s" if done else f"more than {allowed} s",
            source=self._source,
            told=self._pods.told,
            seen=f"told to end, and {f'started again {took:.0f} s later' if done else 'not started again yet'}",
            evidence=self._pods.killing(HUNG),
        )
