"""What a workload's probes make of a pod that says it is not ready, and of one that hangs: tried on two of the checker's own."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.cluster import trial
from checker.cluster.kubernetes_rehearsal import HUNG, LATE, Rehearsal, rehearsal
from checker.grading.author import could_not_run, wait_until

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Workload
    from checker.cluster.kubernetes_copies import Copies
    from checker.cluster.kubernetes_records import Container, Probe
    from checker.cluster.kubernetes_rehearsal import App

READY_SECONDS = 30.0
"""How long a node may take to count a copy as ready that says so itself."""
SPARE_SECONDS = 3.0
"""How much longer than a probe needs it is watched."""
SLOW_SECONDS = 15.0
"""How much longer than a probe needs it is waited for: a busy node asks late."""
TOLERANCE_SECONDS = 5.0
"""By how much what was measured may be above what is allowed: it was measured by asking again and again."""


class Fault(enum.Enum):
    """What is wrong with a workload's probes."""

    NEVER_READY = enum.auto()
    """A pod that can serve at once was not counted as ready."""
    ALWAYS_READY = enum.auto()
    """A pod that says it is not ready was counted as ready."""
    KILLED = enum.auto()
    """A pod that lives was killed by a probe."""
    NOT_NOTICED = enum.auto()
    """A pod that hangs was not started again."""
    SLOW = enum.auto()
    """A pod that hangs was given up, and then took too long to end."""


@dataclass(frozen=True)
class Finding:
    """What was found on the two pods.

    Args:
        fault: what is wrong.
        told: what they have that the learner did not write, as a sentence.
        evidence: what the cluster says about it.
        late: whether it is the pod that is not ready yet.
        kind: which probe did it: `startup` or `liveness`.
        probe: that probe, as the learner wrote it.
        took: the seconds from the moment in which a pod was given up to its new start; None if it did not start again.
    """

    fault: Fault
    told: str
    evidence: str = ""
    late: bool = False
    kind: str = ""
    probe: Probe | None = None
    took: float | None = None


def try_probes(copies: Copies, workload: Workload, app: App, *, healed: float) -> Finding | None:
    """Try a workload's probes, and return what is wrong with them; None if nothing is.

    Args:
        copies: the learner's copies.
        workload: what makes them.
        app: the application in them.
        healed: seconds in which a pod that hangs must be noticed and started again.
    """
    container = copies.container(copies.pods_of(workload)[0])
    with rehearsal(copies, workload, app) as pods:
        tried = _Trial(container, pods)
        return tried.before_one_hangs() or tried.while_one_hangs(healed)


class _Trial:
    """Both pods, and what happened to the one that hangs.

    Args:
        container: the application's container in one of the learner's pods.
        pods: the two pods.
    """

    def __init__(self, container: Container, pods: Rehearsal) -> None:
        self._container = container
        self._pods = pods
        self._begun = 0.0
        self._restarts = 0
        self._given_up: float | None = None
        self._started_again: float | None = None

    def before_one_hangs(self) -> Finding | None:
        """Return what is wrong while both live."""
        seconds = READY_SECONDS + trial.failing(self._pods.probe("readinessProbe"))
        done = wait_until(lambda: self._pods.is_ready(LATE) or self._pods.is_ready(HUNG), seconds, every=0.3)
        if found := self._ready_too_early():
            return found
        if not done:
            return self._found(Fault.NEVER_READY, self._pods.complaint(HUNG, "Readiness"))
        return self._killed(LATE) or self._killed(HUNG)

    def while_one_hangs(self, healed: float) -> Finding | None:
        """Let one hang, and return what is wrong with what happens to both.

        Args:
            healed: seconds in which it must be noticed and started again.
        """
        self._restarts = self._pods.status(HUNG).restart_count
        self._pods.hang()
        self._begun = time.monotonic()

        def is_wrong() -> bool:
            self._note()
            return self._pods.is_given_up(LATE) or self._pods.is_ready(LATE)

        wait_until(is_wrong, self._watched_seconds, every=0.4)
        return self._ready_too_early() or self._killed(LATE) or self._not_healed(healed)

    @property
    def _watched_seconds(self) -> float:
        """How long a copy that is not ready is left alone by probes that leave such copies alone."""
        startup = self._pods.probe("startupProbe")
        patience = trial.patience(startup) if "tcpSocket" not in startup else 0
        return max(trial.failing(self._pods.probe("livenessProbe")), patience) + SPARE_SECONDS

    def _found(self, fault: Fault, evidence: str = "") -> Finding:
        return Finding(fault, self._pods.told, evidence)

    # -- while it lives ----------------------------------------------------------------------------------------

    def _ready_too_early(self) -> Finding | None:
        app = self._pods.app
        if self._pods.is_ready(LATE) and self._pods.answers(LATE, app.ready)[0] == 200:
            could_not_run(
                f"The checker told a copy of your pod to say that it is not ready, but it says that it is: its command sets {' and '.join(app.late)} "
                "itself. Set it under `env`, where the checker can set another value for its copy."
            )
        return self._found(Fault.ALWAYS_READY) if self._pods.is_ready(LATE) else None

    def _killed(self, name: str) -> Finding | None:
        """Return by which probe a copy which lives was ended, if it was."""
        if not self._pods.is_given_up(name):
            return None
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
        evidence, late = complaint or said, name == LATE
        return Finding(Fault.KILLED, self._pods.told, evidence, late=late, kind=kind, probe=probe)

    # -- when it hangs -----------------------------------------------------------------------------------------

    @property
    def _passed(self) -> float:
        return time.monotonic() - self._begun

    def _note(self) -> None:
        again = self._pods.status(HUNG).restart_count > self._restarts
        if self._given_up is None and (again or (not self._restarts and self._pods.killing(HUNG))):
            self._given_up = self._passed
        if self._started_again is None and again:
            self._started_again = self._passed

    def _not_healed(self, healed: float) -> Finding | None:
        """Return that what hangs is not given up, or not started again soon after that: it may be given long to end."""

        def is_given_up() -> bool:
            self._note()
            return self._given_up is not None

        left = trial.failing(self._pods.probe("livenessProbe")) + SLOW_SECONDS - self._passed
        wait_until(is_given_up, max(left, 0.0), every=0.4)
        if self._given_up is None:
            return self._found(Fault.NOT_NOTICED)

        def is_back() -> bool:
            self._note()
            return self._started_again is not None

        probe = self._container.liveness_probe
        most = healed - (probe.noticed_after if probe else 0) + TOLERANCE_SECONDS
        wait_until(is_back, most - (self._passed - self._given_up), every=0.4)
        took = None if self._started_again is None else self._started_again - self._given_up
        if took is not None and took <= most:
            return None
        return Finding(Fault.SLOW, self._pods.told, self._pods.killing(HUNG), took=took)
