"""What the learner's probes make of a copy that is not ready, and of one that hangs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from checker.cluster import trial
from checker.cluster.kubernetes_records import Probe
from checker.grading.author import could_not_run, fail, require, wait_until

from .parcel import probes_of, space
from .rehearsal import HUNG, LATE, Rehearsal, rehearsal
from .rollouts import require_current

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Workload
    from checker.cluster.kubernetes_records import Container, Service

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
    source = f"kubectl get service {name}{space(service)} --output yaml"
    require(
        not service.spec.publish_not_ready_addresses,
        f"The service {name} sends users to copies that are not ready as well: `publishNotReadyAddresses` is true, so nobody "
        "heeds what the readiness probe finds.",
        expected="a service that leads to copies that are ready",
        seen="publishNotReadyAddresses: true",
        source=source,
        hint="That line is for programs that look for each other before they can serve. Who asks here?",
    )
    require(
        service.spec.selector,
        f"The service {name} has no selector: its addresses were written by hand, and stay as they are whatever happens to "
        "the copies, ready or not.",
        expected="a service that finds its pods by their labels",
        seen="no selector",
        source=source,
        hint="Lesson, “One address”: which line of the Service names labels?",
    )
    written = parcel.written_slices(service)
    require(
        not written,
        f"Besides the pods that it selects, the service {name} has addresses that were written by hand, in the EndpointSlice "
        f"{' and '.join(written)}. They stay as they are whatever happens to what answers there, ready or not.",
        expected="a service that finds all its pods by their labels",
        seen=f"EndpointSlice {', '.join(written)}",
        source=f"kubectl get endpointslices{space(service)} --selector kubernetes.io/service-name={name}",
        hint="Labels lead a service to a pod, and readiness takes it away again. `kubectl delete endpointslice` removes a slice.",
    )


def judge(parcel: Parcel, workload: Workload) -> None:
    """Fail unless the pods of a workload get requests only when they are ready, and are started again when they hang."""
    require_current(parcel, workload, probes_of)
    pod = parcel.pods_of(workload)[0]
    container = parcel.container(pod)
    source = f"kubectl describe {workload.title}{space(pod)}"
    require(
        container.readiness_probe,
        "Nobody asks the copies whether they are ready: each gets requests from "
        f"{'the end of its start on' if container.startup_probe else 'its first moment'}, able to serve or not.",
        expected="a readiness probe",
        seen=f"none in {workload.title}",
        source=source,
        hint="Parcel answers /readyz with 200 when it can serve, and with 503 until then.",
    )
    require(
        container.liveness_probe,
        "Nobody asks the copies whether they live: a copy that hangs still counts as running, and is never restarted.",
        expected="a liveness probe",
        seen=f"none in {workload.title}",
        source=source,
        hint="Parcel answers /healthz as long as it lives. What should happen when it does not answer any more?",
    )
    _require_soon(container, source)
    parcel.cluster.lab.disturb("starts two more copies of your pod, and lets one hang")
    with rehearsal(parcel, workload) as pods:
        _Trial(parcel, container, pods, source).judge()


def _require_soon(container: Container, source: str) -> None:
    """Fail when the probes leave a copy that hangs, or cannot serve any more, as it is for too long."""

    def require_within(seconds: int, rationale: str, seen: str, hint: str) -> None:
        require(
            seconds <= HEALED_SECONDS,
            rationale,
            expected=f"{HEALED_SECONDS} s at most",
            seen=seen,
            source=source,
            hint=hint,
        )

    liveness, readiness = container.liveness_probe or Probe(), container.readiness_probe or Probe()
    startup = container.startup_probe or _AT_ONCE
    often = "How often a probe asks, times how many failures it takes."
    require_within(
        liveness.noticed_after,
        f"A copy that hangs would be noticed after up to {liveness.noticed_after} s.",
        _rhythm(liveness),
        often,
    )
    delay = liveness.initial_delay_seconds
    unasked = "s of its life nobody asks a copy whether it lives, so that one which hangs early is left as it is for so long"
    require_within(
        delay,
        f"For the first {delay} {unasked}.",
        f"initialDelaySeconds: {delay}",
        "A delay has to be as long as the slowest start. A startup probe waits just as long as each start takes.",
    )
    first = max(startup.initial_delay_seconds, startup.period_seconds)
    require_within(
        first,
        f"For the first {first} {unasked}: the other probes wait until the startup probe has passed.",
        f"startup probe: initialDelaySeconds {startup.initial_delay_seconds}, periodSeconds {startup.period_seconds}",
        "A startup probe may fail as often as a slow start needs (`failureThreshold`), and still ask early and often.",
    )
    require_within(
        readiness.noticed_after,
        f"A copy that cannot serve any more goes on getting requests for up to {readiness.noticed_after} s, until its readiness "
        "probe gives it up.",
        f"readiness probe: {_rhythm(readiness)}",
        often,
    )


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
        parcel: the learner's Parcel.
        container: Parcel's container in one of the learner's pods.
        pods: the two pods.
        source: the command that shows the learner the probes.
    """

    def __init__(self, parcel: Parcel, container: Container, pods: Rehearsal, source: str) -> None:
        self._parcel = parcel
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

        require(
            wait_until(is_given_up, max(left, 0.0), every=0.4),
            "A copy that hangs was not started again: its liveness probe goes on passing.",
            expected="a restart, once the copy answers nobody any more",
            seen="0 restarts",
            source=self._source,
            hint=f"What does the probe ask, and would a copy that answers nobody pass it? {self._pods.told}",
        )
        self._require_started_again(before, begun)

    # -- ready, or not -----------------------------------------------------------------------------------------

    def _require_ready(self) -> None:
        seconds = READY_SECONDS + trial.failing(self._pods.probe("readinessProbe"))
        done = wait_until(lambda: self._pods.is_ready(LATE) or self._pods.is_ready(HUNG), seconds, every=0.3)
        self._require_not_ready()
        require(
            done,
            "A copy of your pod that can serve at once was not counted as ready.",
            expected="READY 1/1",
            seen="READY 0/1",
            source=self._source,
            evidence=self._pods.complaint(HUNG, "Readiness"),
            hint=f"Which port and which path does the readiness probe name? {self._pods.told}",
        )

    def _require_not_ready(self) -> None:
        if self._pods.is_ready(LATE) and self._pods.answers(LATE, "/readyz")[0] == 200:
            could_not_run(
                "A copy of your pod was to say that it is not ready, and says that it is: its command sets PARCEL_READY_DELAY_MS "
                "itself. Set it under `env`, where the checker can set another value for its copy."
            )
        require(
            not self._pods.is_ready(LATE),
            "A copy that says on /readyz that it is not ready was counted as ready. The readiness probe asks something else.",
            expected="a copy that answers 503 on /readyz gets no requests",
            seen="READY 1/1, while /readyz answers 503",
            source=self._source,
            hint=f"Which path of Parcel's tells whether it can serve? {self._pods.told}",
        )

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
        asks = probe.asks if probe else "something else"
        unready = "statuscode: 503" in complaint
        fail(
            f"A copy that lives{', but is not ready yet,' * (name == LATE)} was killed by its {kind} probe, which "
            f"{_fails(asks, complaint, by_grpc=bool(probe and probe.grpc))}."
            + " It would start again, be killed again, and never get ready."
            * unready,
            expected="a copy that lives is left alone, ready or not",
            seen=f"killed while it was {'getting ready' if name == LATE else 'ready'}",
            source=self._source,
            evidence=complaint or said,
            hint=("A startup probe that fails too often ends the copy. " if kind == "startup" else "")
            + (
                "Readiness and liveness are two questions. Which path of Parcel's tells that it lives, ready or not?"
                if unready
                else "Parcel answers /healthz as long as it lives, ready or not. Which host, port, path or command does your probe name?"
            )
            + f" {self._pods.told}",
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
        require(
            done and took <= allowed + TOLERANCE_SECONDS,
            f"A copy that hangs is noticed after up to {noticed} s, and was then given "
            f"{f'{took:.0f} s' if done else f'more than {allowed} s'} to end before it was started again: together that is more "
            f"than {HEALED_SECONDS} s. What a copy does before it stops, it also does when it is stopped for its health.",
            expected=f"a new start within {HEALED_SECONDS} s",
            seen=f"told to end, and {f'started again {took:.0f} s later' if done else 'not started again yet'}",
            source=self._source,
            evidence=self._pods.killing(HUNG),
            hint=f"`lifecycle` and `terminationGracePeriodSeconds` say how long a copy may take to end. {self._pods.told}",
        )
