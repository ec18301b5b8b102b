"""The one who judges: a thread that runs the checks of one lab after the other, with shells that stay open between them."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.container import Shells
    from checker.results import Report
    from checker.session.session import Session

KEPT_SECONDS = 120.0
"""How long shells stay open in a lab that nobody asks about."""


@dataclass
class Verdict:
    """A verdict that was asked for, and its result."""

    lab: str
    step: int = 0
    keep: bool = True
    looking: bool = False
    """Whether nobody asked for it; then no check disturbs anything."""
    trying: Callable[[str], None] | None = None
    outdated: threading.Event = field(default_factory=threading.Event)
    """Set it when something has changed: the verdict ends early, and its report is of no use."""
    given: Future[None] = field(default_factory=Future)
    """Ends when the verdict was given: there is then a report, or a problem."""
    report: Report | None = None
    problem: LabError | None = None
    ended_at: float = 0.0


class Judge:
    """Gives verdicts, one at a time: pytest cannot run twice in one process at the same time.

    Args:
        new_session: makes a session on the course as it is now.
    """

    def __init__(self, new_session: Callable[[], Session]) -> None:
        self._new_session = new_session
        self._queue: queue.SimpleQueue[Verdict | None] = queue.SimpleQueue()
        self._session: Session | None = None
        self._shells: Shells | None = None
        self._stale = threading.Event()
        self._at = ""
        self._begun_at = 0.0
        self._thread = threading.Thread(target=self._run, name="judge", daemon=True)
        self._thread.start()

    def ask(self, verdict: Verdict) -> Verdict:
        """Put a verdict into the queue; its `given` ends when it was given."""
        self._queue.put(verdict)
        return verdict

    def end(self) -> None:
        """Close the shells, after the verdict that is being given."""
        self._queue.put(None)
        self._thread.join(timeout=5.0)

    def forget(self) -> None:
        """Open new shells for the next verdict: containers were replaced, or the engine is another."""
        self._stale.set()

    @property
    def judging(self) -> str:
        """The slug of the lab that is judged at this moment; empty for none."""
        return self._at

    @property
    def seconds(self) -> float:
        """How long the verdict that is being given has taken until now."""
        return time.monotonic() - self._begun_at if self._at else 0.0

    def _run(self) -> None:
        while True:
            try:
                verdict = self._queue.get(timeout=KEPT_SECONDS if self._shells else None)
            except queue.Empty:
                # An open shell is a process in the learner's container.
                self._drop()
                continue
            if verdict is None:
                break
            self._at, self._begun_at = verdict.lab, time.monotonic()
            try:
                verdict.report = self._judge(verdict)
            except LabError as error:
                verdict.problem = error
                self._drop()
            except BaseException as error:  # noqa: BLE001 - whatever a check does, the service goes on
                verdict.problem = LabError(
                    f"The checks ended in an error that was not expected: {type(error).__name__}: {error}.",
                    remedy="This is a fault of the course, not of your answer.",
                )
                self._drop()
            finally:
                self._at = ""
                verdict.ended_at = time.time()
                verdict.given.set_result(None)
        self._drop()

    def _judge(self, verdict: Verdict) -> Report:
        from checker.grading.container import Shells, kept_in  # noqa: PLC0415 - pytest comes with the first verdict
        from checker.grading.pausing import until  # noqa: PLC0415
        from checker.session.judging import check  # noqa: PLC0415

        if self._stale.is_set():
            self._stale.clear()
            self._drop()
        if self._session is None:
            self._session = self._new_session()
        session = self._session
        session.trying = verdict.trying or (lambda _: None)
        if self._shells is None:
            self._shells = Shells(session.engine, kept_in(session.places))
        lab = session.catalogue.find(verdict.lab)
        with until(verdict.outdated):
            return check(
                session,
                lab,
                step=verdict.step,
                shells=self._shells,
                keep=verdict.keep,
                looking=verdict.looking,
            )

    def _drop(self) -> None:
        if self._shells is not None:
            self._shells.close()
        # With the session goes the connection to the engine, which may be another one next time.
        self._shells = None
        if self._session is not None and "progress" in self._session.__dict__:
            self._session.progress.close()
        self._session = None
