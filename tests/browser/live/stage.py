"""The live page on a stage: the real pages and service, with a lab whose state and terminal the test plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from checker.course.places import Places
from checker.errors import EngineError, LabError
from checker.live import serve
from checker.live.codes import make_code
from checker.live.judge import Verdict
from checker.live.service import Service
from checker.results import CheckResult, Failure, Report, Status
from tests.conftest import ROOT
from tests.live_service import begin, free_port, session_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.live.state import Phase
    from checker.live.watch import Watch

KEY = "the key of the stage"
LAB = "01"
GOALS = ("One runs", "It answers on port 8081", "It has a name", "It stays")


class Asked:
    """An engine that counts what it is asked."""

    clock = SimpleNamespace(now=lambda: 0.0)
    host = "unix:///nowhere"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.endpoint = self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*_: object, **__: object) -> Any:
            self.calls.append(name)
            raise EngineError("The container engine of the tests does not answer.")

        return ask


class Echo:
    """A terminal whose shell writes back what it gets."""

    def __init__(self) -> None:
        self.name = "echo"
        self.tell: Callable[[], None] = lambda: None
        self.taken: Callable[[], None] | None = None
        self.ended = ""
        self.written = b"$ "
        self.got = b""
        self.sizes: list[tuple[int, int]] = []
        self.acknowledged = 0

    @property
    def seq(self) -> int:
        """How much was written."""
        return len(self.written)

    def attach(self, seq: int) -> int:
        """Take up a page."""
        return seq if seq <= self.seq else 0

    def detach(self) -> None:
        """Do nothing."""

    def acknowledge(self, seq: int) -> None:
        """Note it."""
        self.acknowledged = seq

    def since(self, seq: int) -> bytes:
        """Return what was written from a byte on."""
        return self.written[seq:]

    def send(self, data: bytes) -> None:
        """Write it back."""
        self.got += data
        self.write(data.replace(b"\r", b"\r\n$ ").replace(b"\x1b", b"^["))

    def write(self, data: bytes) -> None:
        """Write something."""
        self.written += data
        self.tell()

    def resize(self, columns: int, rows: int) -> None:
        """Note the size."""
        self.sizes.append((columns, rows))

    def statuses(self, since: int = 0) -> list[tuple[str, int]]:
        """Return nothing."""
        return [][since:]

    def end(self) -> None:
        """Do nothing."""


class Played:
    """Judges as the test says."""

    judging = ""
    seconds = 0.0

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def ask(self, verdict: Verdict) -> Verdict:
        """Give the verdict that is on the stage."""
        verdict.report = self._stage.report
        if verdict.report is None:
            verdict.problem = LabError("Lab 01 is not started.")
        verdict.given.set_result(None)
        return verdict

    def forget(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


@dataclass
class Stage:
    """A running service and what is played on it."""

    port: int
    service: Service
    engine: Asked
    terminal: Echo = field(default_factory=Echo)
    report: Report | None = None
    stop: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """The home page."""
        return f"http://127.0.0.1:{self.port}/"

    def address(self, page: str = "lessons/01-first-container/") -> str:
        """Return a page's address that opens the labs."""
        return f"{self.url}{page}#c={make_code(KEY)}"

    @property
    def watch(self) -> Watch:
        """The lab."""
        found = self.service.watch(LAB)
        found._running = True  # the test plays what it would follow
        return found

    def phase(self, phase: Phase, text: str = "") -> None:
        """Let the lab be somewhere."""
        self.watch.set_phase(phase, text)

    def show(self, passed: int, *, asked: bool = False, status: Status = Status.FAILED) -> None:
        """Give a verdict in which so many checks pass, and the next one has another status."""
        self.report = verdict_with(passed, status)
        self.watch.take(Verdict("01-first-container", report=self.report, keep=True), asked=asked)

    def look(self, passed: int) -> None:
        """Give a verdict that nobody asked for, in which so many checks pass and the next one would break something."""
        self.report = verdict_with(passed, Status.NOT_RUN)
        checks = [
            msgspec.structs.replace(
                check, waits=True, reason="runs only when you ask for a check: it kills a node"
            )
            if number == passed
            else check
            for number, check in enumerate(self.report.checks)
        ]
        self.report = msgspec.structs.replace(self.report, checks=tuple(checks))
        self.watch.take(
            Verdict("01-first-container", report=self.report, keep=True, looking=True), asked=False
        )


def verdict_with(passed: int, status: Status = Status.FAILED) -> Report:
    """Return a report in which so many checks pass."""
    failure = Failure(
        rationale="Nobody answers on port 8081.",
        expected="HTTP 200",
        seen="connection refused",
        source="curl localhost:8081",
        evidence="curl: (7) Failed to connect\n\x1b[31mred\x1b[0m",
        hint="Look at docker ps.",
    )
    checks = [
        CheckResult(id=f"check-{number}", title=title, status=Status.PASSED)
        if number < passed
        else CheckResult(
            id=f"check-{number}",
            title=title,
            status=status if number == passed else Status.NOT_RUN,
            failure=failure if number == passed and status is Status.FAILED else None,
            reason="" if number == passed and status is Status.FAILED else "It waits for another check.",
        )
        for number, title in enumerate(GOALS)
    ]
    return Report(
        lab="01-first-container", title="T", checks=tuple(checks), started="2026-01-01T00:00:00+00:00", ms=1.0
    )


def set_up(html: Path, port: int = 0) -> Stage:
    """Serve the pages with a lab that is played."""
    engine = Asked()
    service = Service(Places(ROOT, ROOT), "run-on-the-stage", KEY, session_on(engine))
    listening = serve.listen(port or free_port())
    number = int(listening.getsockname()[1])
    stage = Stage(number, service, engine)
    service.judge = Played(stage)  # type: ignore[assignment]
    service.operations._judge = service.judge
    service.terminal = lambda *_: stage.terminal  # type: ignore[method-assign,assignment]
    stage.watch._judge = service.judge
    stage.stop = begin(service, html, listening)
    return stage
