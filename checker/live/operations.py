"""What a page does with a lab: one operation at a time in a lab, in its own thread, reported as events."""

from __future__ import annotations

import collections
import itertools
import threading
from typing import TYPE_CHECKING, Any

from checker.errors import LabError
from checker.live.state import Phase, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.live.judge import Judge
    from checker.live.watch import Watch
    from checker.session.session import Session

KINDS = frozenset({"check", "start", "reset", "stop"})
"""What a page can do with a lab."""

REMEMBERED = 200
"""How many requests are remembered, so that one that is sent again does nothing twice."""


class BusyError(Exception):
    """Another operation is running in this lab; `holder` says which."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class Operations:
    """The operations of one run of the service.

    Args:
        new_session: makes a session that reports its progress to a function.
        judge: who judges.
    """

    def __init__(self, new_session: Callable[[Callable[[str], None]], Session], judge: Judge) -> None:
        self._new_session = new_session
        self._judge = judge
        self._numbers = itertools.count(1)
        self._running: dict[str, dict[str, Any]] = {}
        self._answers: collections.OrderedDict[str, dict[str, Any]] = collections.OrderedDict()
        self._lock = threading.Lock()
        self._do = {"check": self._check, "start": self._start, "reset": self._reset, "stop": self._stop}

    def begin(self, kind: str, watch: Watch, key: str = "") -> dict[str, Any]:
        """Begin an operation and return its record; the same request, sent again, returns the same record.

        Args:
            kind: start, stop, reset or check.
            watch: the lab.
            key: what the page made up for this request; empty for none.

        Raises:
            BusyError: another one runs in this lab.
        """
        lab = watch.state.lab.slug
        with self._lock:
            if key and key in self._answers:
                return self._answers[key]
            held = self._running.get(lab)
            if held is not None and not (kind == held["kind"] == "check"):
                raise BusyError(held["kind"])
            if held is not None:
                return held  # a second press joins the run that is going on
            op = {"op": f"op{next(self._numbers)}", "kind": kind, "state": "running", "reason": ""}
            self._running[lab] = op
            if key:
                self._answers[key] = op
                if len(self._answers) > REMEMBERED:
                    self._answers.popitem(last=False)
        watch.set_op(dict(op))
        threading.Thread(target=self._run, args=(op, watch), name=f"{kind}-{lab}", daemon=True).start()
        return op

    def running(self, lab: str) -> str:
        """Return what is being done in a lab, empty for nothing."""
        with self._lock:
            return str(self._running.get(lab, {}).get("kind", ""))

    def _run(self, op: dict[str, Any], watch: Watch) -> None:
        ended = {"state": "done", "reason": ""}
        try:
            self._do[op["kind"]](watch)
        except LabError as error:
            ended = {"state": "failed", "reason": shown(f"{error.what} {error.remedy}".strip())}
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, the page has to learn that it ended
            said = f"lab did not expect this error: {type(error).__name__}: {error}. Please report it."
            ended = {"state": "failed", "reason": shown(said)}
        finally:
            with self._lock:
                self._running.pop(watch.state.lab.slug, None)
                op |= ended
            watch.set_op(dict(op))
            watch.nudge()

    def _check(self, watch: Watch) -> None:
        verdict = watch.judge(asked=True)
        if verdict.problem is not None:
            raise verdict.problem

    def _start(self, watch: Watch) -> None:
        from checker.session.operations import start  # noqa: PLC0415 - not before a page asks for it

        watch.set_phase(Phase.STARTING, "starting")
        session = self._new_session(lambda line: watch.set_phase(Phase.STARTING, shown(line)))
        start(session, session.catalogue.find(watch.state.lab.slug))
        self._judge.forget()

    def _reset(self, watch: Watch) -> None:
        from checker.session.operations import reset  # noqa: PLC0415

        watch.set_phase(Phase.STARTING, "resetting")
        session = self._new_session(lambda line: watch.set_phase(Phase.STARTING, shown(line)))
        reset(session, session.catalogue.find(watch.state.lab.slug))
        self._judge.forget()

    def _stop(self, watch: Watch) -> None:
        from checker.session.operations import stop  # noqa: PLC0415

        watch.set_phase(Phase.STOPPING, "stopping")
        session = self._new_session(lambda _: None)
        stop(session, session.catalogue.find(watch.state.lab.slug))
        self._judge.forget()
