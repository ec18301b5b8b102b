"""What a workload's probes make of a pod that is not ready and of one that hangs, on pods that behave as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.cluster import kubernetes_probing
from checker.cluster.kubernetes_probing import Fault, Finding
from checker.cluster.kubernetes_records import Container, ContainerStatus
from checker.cluster.kubernetes_rehearsal import HUNG, LATE, App
from checker.grading.verdicts import CouldNotRun

if TYPE_CHECKING:
    from collections.abc import Callable

APP = App(8080, "/alive", "/ready", "/hang", late={"READY_AFTER_MS": "9"}, hung={})
HEALED = 60.0
NEVER = 1e9
LIVENESS = {"periodSeconds": 1, "failureThreshold": 3}


class Clock:
    """A clock that goes on only while something is waited for."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self.now

    def wait_until(self, condition: Callable[[], object], seconds: float, every: float) -> bool:
        """Wait for a condition."""
        end = self.now + seconds
        while not condition():
            if self.now >= end:
                return False
            self.now += every
        return True


@dataclass
class Pods:
    """Both pods: from which second on each is ready, killed, and, after it was told to hang, given up and started again."""

    clock: Clock
    ready: dict[str, float] = field(default_factory=lambda: {LATE: NEVER, HUNG: 2.0})
    killed: dict[str, float] = field(default_factory=lambda: {LATE: NEVER, HUNG: NEVER})
    given_up: float = 4.0
    back: float = 5.0
    said: str = "Container web failed liveness probe, will be restarted"
    complaints: dict[str, str] = field(default_factory=dict)
    says_ready: bool = False
    hung_at: float = NEVER

    app = APP
    told = "Tested on a copy."

    @property
    def _age(self) -> float:
        return self.clock.now - 100.0

    def is_ready(self, name: str) -> bool:
        """Whether one is counted as ready."""
        return self._age >= self.ready[name]

    def is_given_up(self, name: str) -> bool:
        """Whether one was ended."""
        return self._age >= self.killed[name]

    def killing(self, name: str) -> str:
        """Return what was said of its end."""
        hangs = name == HUNG and self.clock.now >= self.hung_at + self.given_up
        return self.said if hangs or self.is_given_up(name) else ""

    def complaint(self, name: str, probe: str) -> str:
        """Return what a probe of it complained of."""
        assert name in {LATE, HUNG}
        return self.complaints.get(probe, "")

    def status(self, name: str) -> ContainerStatus:
        """Return how often one was started again."""
        assert name == HUNG
        return ContainerStatus(restart_count=int(self.clock.now >= self.hung_at + self.back))

    def probe(self, kind: str) -> dict[str, Any]:
        """Return a probe as both have it."""
        return {"tcpSocket": {"port": 8080}} if kind == "startupProbe" else LIVENESS

    def answers(self, name: str, path: str) -> tuple[int, str]:
        """Return whether the one that is not ready says that it is."""
        assert (name, path) == (LATE, "/ready")
        return (200 if self.says_ready else 503), ""

    def hang(self) -> None:
        """Let one hang."""
        self.hung_at = self.clock.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give a clock that the trial goes by."""
    made = Clock()
    monkeypatch.setattr(kubernetes_probing, "wait_until", made.wait_until)
    monkeypatch.setattr(kubernetes_probing, "time", made)
    return made


def tried(clock: Clock, *, probe: dict[str, Any] | None = None, **behaviour: Any) -> Finding | None:
    """Return what is found on pods that behave so."""
    container = msgspec.convert({"livenessProbe": probe or LIVENESS, "startupProbe": LIVENESS}, Container)
    trial = kubernetes_probing._Trial(container, Pods(clock, **behaviour))  # type: ignore[arg-type]
    return trial.before_one_hangs() or trial.while_one_hangs(HEALED)


def test_probes_that_tell_both_apart_have_no_fault(clock: Clock) -> None:
    assert tried(clock) is None


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        ({"ready": {LATE: NEVER, HUNG: NEVER}}, Fault.NEVER_READY),
        ({"ready": {LATE: 2.0, HUNG: 2.0}}, Fault.ALWAYS_READY),
        ({"ready": {LATE: 4.0, HUNG: 2.0}}, Fault.ALWAYS_READY),
        ({"given_up": NEVER, "back": NEVER}, Fault.NOT_NOTICED),
        ({"back": NEVER}, Fault.SLOW),
    ],
    ids=["never ready", "always ready", "ready after all", "not noticed", "never ends"],
)
def test_what_is_wrong_with_probes_shows_in_what_becomes_of_both(
    clock: Clock, behaviour: dict[str, Any], fault: Fault
) -> None:
    found = tried(clock, **behaviour)
    assert found is not None
    assert (found.fault, found.told) == (fault, "Tested on a copy.")


@pytest.mark.parametrize(("name", "at"), [(LATE, 1.0), (HUNG, 1.0), (LATE, 4.0)])
def test_what_lives_and_is_killed_is_told_with_the_probe_that_did_it(
    clock: Clock, name: str, at: float
) -> None:
    killed = {LATE: NEVER, HUNG: NEVER, name: at}
    found = tried(clock, killed=killed, complaints={"Liveness": "Liveness probe failed: 404"})
    assert found is not None
    assert (found.fault, found.late, found.kind) == (Fault.KILLED, name == LATE, "liveness")
    assert found.evidence == "Liveness probe failed: 404"


def test_a_startup_probe_that_gives_up_is_told_from_a_liveness_probe(clock: Clock) -> None:
    said = "Container web failed startup probe, will be restarted"
    found = tried(clock, killed={LATE: 1.0, HUNG: NEVER}, said=said)
    assert found is not None
    assert (found.kind, found.evidence) == ("startup", said)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"complaints": {"Liveness": "context deadline exceeded"}}, r"too busy for a probe that waits 1 s"),
        ({"said": ""}, "not because of a probe"),
    ],
)
def test_what_is_no_fault_of_the_probes_ends_without_a_verdict(
    clock: Clock, behaviour: dict[str, Any], words: str
) -> None:
    with pytest.raises(CouldNotRun, match=words):
        tried(clock, killed={LATE: 1.0, HUNG: NEVER}, **behaviour)


@pytest.mark.parametrize("probe", [{"grpc": {"port": 1}}, {"httpGet": {"host": "localhost"}}])
def test_a_probe_that_asks_in_another_way_is_not_taken_for_a_slow_one(
    clock: Clock, probe: dict[str, Any]
) -> None:
    complaints = {"Liveness": "context deadline exceeded"}
    found = tried(clock, probe=probe, killed={LATE: 1.0, HUNG: NEVER}, complaints=complaints)
    assert found is not None
    assert found.fault is Fault.KILLED


def test_a_copy_whose_command_makes_it_ready_cannot_be_tried(clock: Clock) -> None:
    with pytest.raises(CouldNotRun, match="its command sets READY_AFTER_MS itself"):
        tried(clock, ready={LATE: 1.0, HUNG: 1.0}, says_ready=True)


@pytest.mark.parametrize(("period", "slow"), [(1, False), (15, True)])
def test_the_time_to_end_counts_together_with_the_time_to_notice(
    clock: Clock, period: int, *, slow: bool
) -> None:
    found = tried(clock, probe={"periodSeconds": period}, back=34.0)
    assert (found is not None and found.fault is Fault.SLOW) is slow
