"""The service itself: what it knows of every lab, and what pages and `lab` can have it do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from checker.errors import MisuseError
from checker.live import blocks
from checker.live.codes import Codes, token_of
from checker.live.hub import Hub
from checker.live.judge import Judge
from checker.live.operations import KINDS, Operations
from checker.live.state import shown
from checker.live.terminal import Terminal
from checker.live.watch import Watch
from checker.session.session import Session, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.course.places import Places

COLUMNS, ROWS = 80, 24


class Service:
    """Everything that one run of the service keeps.

    Args:
        places: the course's folders.
        run: the run's id.
        key: what codes and the token are made from.
        new_session: makes a session; tests give one on a false engine.
    """

    def __init__(
        self,
        places: Places,
        run: str,
        key: str,
        new_session: Callable[[Callable[[str], None]], Session] = Session,
    ) -> None:
        self.places = places
        self.run = run
        self.codes = Codes(key)
        self.token = token_of(key)
        self.hub = Hub(run)
        self.new_session = new_session
        self.judge = Judge(lambda: new_session(silent))
        self.operations = Operations(new_session, self.judge)
        self.catalogue = Session().catalogue
        self._watches: dict[str, Watch] = {}
        self._terminals: dict[str, Terminal] = {}
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def find(self, number: str) -> Lab:
        """Return the lab of a number, with exactly two digits.

        Raises:
            MisuseError: there is none.
        """
        if len(number) != 2 or not number.isascii() or not number.isdecimal():
            raise MisuseError(f"There is no lab {shown(number)}.")
        return self.catalogue.find(number)

    def watch(self, number: str) -> Watch:
        """Return what follows a lab.

        Raises:
            MisuseError: there is no such lab.
        """
        lab = self.find(number)
        with self._lock:
            if number not in self._watches:
                self._watches[number] = Watch(lab, self.hub, self.judge, lambda: self.new_session(silent))
            return self._watches[number]

    def end(self) -> None:
        """End what runs in containers for the pages."""
        with self._lock:
            terminals, self._terminals = list(self._terminals.values()), {}
        for terminal in terminals:
            terminal.end()
        self.judge.end()

    # -- what pages ask -------------------------------------------------------------------------------------

    def do(self, number: str, kind: str, key: str) -> dict[str, Any]:
        """Begin an operation on a lab and return its record.

        Raises:
            MisuseError: there is no such lab or operation.
            BusyError: another one is running.
        """
        if kind not in KINDS:
            raise MisuseError(f"There is no operation {shown(kind)}.")
        return self.operations.begin(kind, self.watch(number), key)

    def hint(self, number: str) -> dict[str, Any]:
        """Give the next hint for the first check that fails.

        Raises:
            LabError: the lab cannot be judged, or there is no such lab.
        """
        from checker.session.judging import hint  # noqa: PLC0415 - not before a page asks for it

        watch = self.watch(number)
        report = watch.state.report
        if report is None:
            # Asking for a hint must break nothing.
            verdict = watch.judge(asked=False, keep=False)
            if verdict.problem is not None:
                raise verdict.problem
            report = verdict.report
        session = self.new_session(silent)
        try:
            found = hint(session, watch.state.lab, report)
        finally:
            session.progress.close()
        if found is None:
            return {"lab": number, "id": "", "text": "Every check passes. There is nothing left to hint at."}
        record = {
            "lab": number,
            "id": found.check,
            "title": shown(found.title),
            "text": shown(found.text),
            "rung": found.rung,
            "rungs": found.rungs,
        }
        self.hub.publish("hint", **record)
        return record

    def blocks(self, number: str) -> list[dict[str, Any]]:
        """Return the commands of a lab's lesson that the page can run, each by id and digest, without its text."""
        lab = self.find(number)
        return [
            {"id": block.id, "digest": block.digest, "run": block.runs, "verb": block.verb(lab)}
            for block in blocks.read(self.places, lab)
        ]

    def run_block(self, number: str, block: str, digest: str) -> bool:
        """Type a command of the lesson into the lab's terminal; return whether the course has it.

        Raises:
            LabError: the terminal cannot be opened.
            NotAtPromptError: another program is running in it.
        """
        lab = self.find(number)
        found = blocks.find(blocks.read(self.places, lab), block, digest)
        if found is None or not found.runs:
            return False
        self.terminal(number).run(found.id, found.text)
        return True

    def progress(self) -> list[dict[str, Any]]:
        """Return the learner's progress in every lab, and which one comes next."""
        session = self.new_session(silent)
        record = session.progress
        try:
            labs = []
            for lab in session.catalogue:
                standing = record.standing(lab.slug)
                labs.append(
                    {
                        "lab": lab.number,
                        "slug": lab.slug,
                        "title": lab.toml.title,
                        "minutes": lab.toml.minutes,
                        "done": bool(standing.passed_at),
                        "begun": bool(standing.attempts),
                        "passed": standing.last_passed,
                        "total": standing.last_total or len(lab.check_ids),
                        "hints": standing.hints,
                        "solved": standing.solved,
                    }
                )
        finally:
            record.close()
        following = next((each for each in labs if not each["done"]), None)
        for each in labs:
            each["next"] = each is following
        return labs

    # -- terminals ------------------------------------------------------------------------------------------

    def terminal(self, number: str, columns: int = COLUMNS, rows: int = ROWS) -> Terminal:
        """Return the terminal of a lab; it is opened if there is none, or if its shell has ended.

        Raises:
            LabError: the lab does not run, or its shell cannot be started.
        """
        lab = self.find(number)
        with self._opening:
            kept = self._terminals.get(number)
            if kept is not None and not kept.ended:
                return kept
            session = self.new_session(silent)
            scene = session.scene(lab)
            scene.require_running()
            scene.require_work_folder()
            # What the learner did may be in a node of the scene, whose engine's events reach nobody here.
            followed = self.watch(number).nudge
            opened = Terminal(
                session, scene.toolbox(), scene.work_inside, columns, rows, lambda: None, followed
            )
            with self._lock:
                self._terminals[number] = opened
            return opened
