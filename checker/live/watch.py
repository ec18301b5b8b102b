"""Follows one lab while a page shows it: after each change it judges the lab again and tells the pages."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from checker.errors import LabError
from checker.live.judge import Judge, Verdict
from checker.live.state import LabState, Phase
from checker.session.asked import Asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.grading.changes import Changes
    from checker.live.hub import Hub
    from checker.results import Report
    from checker.session.session import Session

SETTLE_SECONDS = 0.05
"""Changes come in bursts (create, connect, start). After a burst the lab is judged once."""

FIRST_PAUSE, LAST_PAUSE = 0.15, 30.0
"""Seconds until a lab is judged again without a change: a service may be ready a moment after its container. Each such
pause is twice as long as the one before, so a page that is left open costs next to nothing."""

SHARE = 4.0
"""A lab whose verdict takes long rests this many times as long before it is judged without being asked."""

ECHOES = 3
"""How often in a row a lab is judged again soon because of events that its own checks may have caused."""

OUTDATED_SECONDS = 0.1
"""How long a verdict on a change is left alone when more changes come: most of a burst are one thing. A verdict without a
cause ends at once, so that the one on the change does not wait for it."""

OUTDATED = 2
"""How often in a row a verdict may end early. In a lab that changes all the time, the next one is given."""

GRACE_SECONDS = 5.0
"""How long a lab is still followed after its last page has gone: a page that is loaded again is a new one."""


class Watch:
    """One lab.

    Args:
        lab: the lab.
        hub: where the pages listen.
        judge: who judges.
        new_session: makes a session on the course as it is now.
    """

    def __init__(self, lab: Lab, hub: Hub, judge: Judge, new_session: Callable[[], Session]) -> None:
        self.state = LabState(lab)
        self._hub = hub
        self._judge = judge
        self._new_session = new_session
        self._lock = threading.RLock()
        self._running = False
        self._wake: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        self._judged_at = 0.0
        self._took = 0.0
        self._echoes = 0
        self._outdated = 0
        self._asked = Asked()

    # -- what others do with it ----------------------------------------------------------------------------

    def follow(self) -> None:
        """Follow the lab until no page shows it any more."""
        with self._lock:
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name=f"watch-{self.state.lab.number}", daemon=True).start()

    def nudge(self) -> None:
        """Look again now."""
        self._wake.put(("asked", time.time()))

    def snapshot(self) -> dict[str, Any]:
        """Return everything about the lab."""
        with self._lock:
            return self.state.snapshot()

    def set_phase(self, phase: Phase, text: str = "") -> None:
        """Say where the lab is, and tell the pages if that is new."""
        with self._lock:
            if (self.state.phase, self.state.text) == (phase, text):
                return
            self.state.phase, self.state.text = phase, text
            if phase in {Phase.ABSENT, Phase.STARTING}:
                self._forget()
            self._hub.publish("phase", **self.state.phase_record())

    def set_op(self, op: dict[str, Any]) -> None:
        """Say what is being done with the lab."""
        with self._lock:
            self.state.op = op
            self._hub.publish("op", lab=self.state.lab.number, id=op.get("op", ""), **op)

    def judge(self, *, asked: bool, step: int = 0, keep: bool = True) -> Verdict:
        """Judge the lab, tell the pages, and return the verdict when it was given.

        Args:
            asked: whether the learner asked for it; if not, no check disturbs anything.
            step: judge this step alone, from 1; 0 for all.
            keep: whether the attempt goes into the record.
        """
        verdict = self._new_verdict(asked=asked, step=step, keep=keep)
        begun = time.monotonic()
        self._judge.ask(verdict).given.result()
        self._show(verdict, begun, asked=asked)
        return verdict

    def judge_unless_outdated(self, *, caused: bool) -> bool:
        """Judge the lab without being asked, and return whether that was to the end; a change may end it early.

        Args:
            caused: whether a change is the cause of this verdict.
        """
        verdict = self._new_verdict(asked=False, keep=False)
        verdict.given.add_done_callback(lambda _: self._wake.put((_JUDGED, time.time())))
        began, begun = time.time(), time.monotonic()
        undisturbed = begun + (OUTDATED_SECONDS if caused else 0.0)
        later: list[tuple[str, float]] = []
        fresh = False
        self._judge.ask(verdict)
        while True:
            if fresh and time.monotonic() >= undisturbed:
                verdict.outdated.set()
            left = max(undisturbed - time.monotonic(), 0.0)
            try:
                change = self._wake.get(timeout=left if fresh and not verdict.outdated.is_set() else None)
            except queue.Empty:
                continue
            if change[0] == _JUDGED:
                break
            later.append(change)
            fresh = fresh or (change[1] > began and self._outdated < OUTDATED)
        if verdict.outdated.is_set():
            self._judged_at = verdict.ended_at
            self._outdated += 1
            self._end_trying()
            return False
        self._outdated = 0
        for change in later:
            self._wake.put(change)
        self._show(verdict, begun, asked=False)
        return True

    def _new_verdict(self, *, asked: bool, step: int = 0, keep: bool = True) -> Verdict:
        return Verdict(self.state.lab.slug, step=step, keep=keep, looking=not asked, trying=self._tell_trying)

    def _show(self, verdict: Verdict, begun: float, *, asked: bool) -> None:
        self._took = time.monotonic() - begun
        self._judged_at = verdict.ended_at
        self.take(verdict, asked=asked)

    def take(self, verdict: Verdict, *, asked: bool) -> None:
        """Show the pages a verdict over the whole lab."""
        with self._lock:
            self._end_trying()
            if verdict.report is None:
                self._take_problem(verdict, asked=asked)
            elif not verdict.step:
                report = self._asked.fill_in(verdict.report, looking=verdict.looking)
                news = self._take_report(report, self._asked.kept, asked=asked)
                if news and not verdict.keep:
                    self._keep(verdict.report)

    def _tell_trying(self, title: str) -> None:
        # A page shows this only while a verdict takes long.
        if self._judge.seconds > 0.7:
            with self._lock:
                self.state.trying = title
                self._hub.publish("trying", lab=self.state.lab.number, title=title)

    def _end_trying(self) -> None:
        with self._lock:
            if self.state.trying:
                self.state.trying = ""
                self._hub.publish("trying", lab=self.state.lab.number, title="")

    def _take_problem(self, verdict: Verdict, *, asked: bool) -> None:
        problem = verdict.problem
        said = f"{problem.what} {problem.remedy}".strip() if problem else ""
        if asked or said != self.state.problem:
            self.state.problem = said
            self._hub.publish(
                "verdict", asked=asked, flipped=not asked, **{**self.state.verdict_record(), "said": said}
            )

    def _keep(self, report: Report) -> None:
        """Keep a verdict that nobody asked for, as `lab watch` does with each that says something new."""
        from checker.session.judging import keep_attempt  # noqa: PLC0415 - not before a verdict was given

        session = self._new_session()
        try:
            keep_attempt(session, report)
        finally:
            session.progress.close()

    def _take_report(self, report: Report, kept: frozenset[str], *, asked: bool) -> bool:
        """Show a report; return whether it says something new that the learner has brought about."""
        before = {each["id"]: _essence(each) for each in self.state.checks()} if self.state.report else {}
        had = self.state.report is not None
        self.state.report, self.state.kept, self.state.problem = report, kept, ""
        self.state.tries += 1
        changed = [each for each in self.state.checks() if before.get(each["id"]) != _essence(each)]
        shown: list[tuple[str, dict[str, Any]]] = [("check", each) for each in changed]
        flipped = had and any(before.get(each["id"], ("",))[0] != each["state"] for each in changed)
        if asked or flipped or changed or not had:
            first = report.first_problem.id if report.first_problem else ""
            record = {"asked": asked, "flipped": flipped, "first": first, **self.state.verdict_record()}
            shown.append(("verdict", record))
        self._hub.publish_all(shown)
        news = any(before.get(each["id"], ())[:-1] != _essence(each)[:-1] for each in changed)
        # Opening the page is no attempt, unless everything passes already.
        return news and (had or report.passed)

    def _forget(self) -> None:
        self._asked.forget()
        if self.state.report is not None:
            self.state.report = None
            verdict = {"asked": False, "flipped": False, "first": "", **self.state.verdict_record()}
            self._hub.publish_all([*(("check", each) for each in self.state.checks()), ("verdict", verdict)])

    # -- following -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        changes: Changes | None = None
        engine: object = None
        try:
            pause, changed = FIRST_PAUSE, ""
            while self._listened():
                if changes is None:
                    changes, engine = self._listen()
                began = time.time()
                if not self._look(engine, caused=bool(changed)):
                    # The change has been taken from the queue, so nothing else tells of it.
                    changed = "outdated"
                    self._settle()
                    continue
                passed = self.state.report is not None and self.state.report.passed
                # What passes is looked at again too: a change that came while it was judged may have been missed.
                pause = max(pause, self._took * SHARE, 1.0 if passed else 0.0)
                changed = self._wait(changes, began, min(pause, LAST_PAUSE))
                pause = FIRST_PAUSE if changed else pause * 2
        finally:
            if changes is not None:
                changes.end()
            with self._lock:
                self._running = False
            # A page may have come in the moment between the last look and this line.
            if self._hub.listened(self.state.lab.number):
                self.follow()

    def _listened(self) -> bool:
        """Whether a page shows the lab, or comes back within a moment: one that is loaded again is a new one."""
        give_up = time.monotonic() + GRACE_SECONDS
        while not (there := self._hub.listened(self.state.lab.number)) and time.monotonic() < give_up:
            with contextlib.suppress(queue.Empty):
                self._wake.get(timeout=0.5)
        return there

    def _listen(self) -> tuple[Changes | None, object]:
        """Follow the engine that the learner uses now, and their files."""
        from checker.grading.changes import Changes  # noqa: PLC0415 - not before a page needs it
        from checker.scene.work import folder_of  # noqa: PLC0415

        try:
            session = self._new_session()
            changes = Changes(session.engine, folder_of(session.places, self.state.lab))
        except LabError as error:
            self.set_phase(Phase.BROKEN, f"{error.what} {error.remedy}".strip())
            return None, None
        changes.queue = self._wake
        changes.follow()
        return changes, session.engine

    def _look(self, engine: Any, *, caused: bool) -> bool:
        """Find out where the lab is, and judge it if it is ready and nothing is being done with it.

        Args:
            engine: the one that the learner uses now; None if there is none.
            caused: whether a change is the cause.

        Returns:
            Whether that was done to the end; if not, something has changed meanwhile.
        """
        if engine is None or self.state.op.get("state") in {"queued", "running"}:
            return True
        from checker.scene.state import require_running, services  # noqa: PLC0415

        try:
            if not services(engine, self.state.lab):
                self.set_phase(Phase.ABSENT)
                return True
            require_running(engine, self.state.lab)
        except LabError as error:
            self.set_phase(Phase.BROKEN, f"{error.what} {error.remedy}".strip())
            return True
        self.set_phase(Phase.READY)
        return self.judge_unless_outdated(caused=caused)

    def _wait(self, changes: Changes | None, began: float, pause: float) -> str:
        """Wait for a change, or for the pause to end; return what changed, or an empty text."""
        give_up = time.monotonic() + (pause if changes is not None else 1.0)
        soon = False
        while (left := give_up - time.monotonic()) > 0:
            try:
                what, at = self._wake.get(timeout=left)
            except queue.Empty:
                return ""
            if not self._hub.listened(self.state.lab.number):
                return ""
            # Events from the time when the checks ran may come from the checks themselves, or from the learner. So the
            # lab is judged again soon, but not again and again.
            if what == "engine" and began < at <= self._judged_at:
                if not soon and self._echoes < ECHOES:
                    soon = True
                    self._echoes += 1
                    give_up = min(give_up, time.monotonic() + max(FIRST_PAUSE, self._took))
                continue
            self._echoes = 0
            self._settle()
            return what
        return ""

    def _settle(self) -> None:
        settled = time.monotonic() + SETTLE_SECONDS
        while (left := settled - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._wake.get(timeout=left)


_JUDGED = "judged"
"""What the queue says when a verdict was given; all else in it is a change."""


def _essence(check: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a reader sees of a check; how long it took is not news. Last comes whether it is from an earlier verdict."""
    return (
        check["state"],
        *(check.get(name, "") for name in ("title", "reason", "expected", "actual", "evidence", "kept")),
    )
