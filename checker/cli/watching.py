"""The loop of `lab watch`: after each change or key, it checks again and shows the verdict.

A check after a change breaks nothing, because the learner may be in the middle of something. The key c runs every check.
Without a terminal there are no keys, so every check runs each time.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import time
from typing import TYPE_CHECKING

from checker.cli.context import print_json
from checker.cli.keys import pressed
from checker.errors import ExitCode, LabError
from checker.grading.changes import Changes
from checker.grading.container import Shells, kept_in
from checker.render.report import one_line, report_lines
from checker.render.style import style_of
from checker.scene.work import folder_of
from checker.session import judging, operations
from checker.session.asked import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cli.context import Context
    from checker.course.catalogue import Lab
    from checker.results import Report

SETTLE_SECONDS = 0.05
"""Changes come in bursts (create, connect, start). After a burst the lab is checked once."""

AGAIN_SECONDS = 4.0
"""While something fails, the lab is checked again after this time even without a change: a service may be ready now."""

_KEYS = "h hint  a explain all  c check now  r reset  n next lab  q quit"


class Watching:
    """One `lab watch`.

    Args:
        context: what verbs share.
        lab: the lab to watch.
        until_passed: end as soon as every check passes.
    """

    def __init__(self, context: Context, lab: Lab, *, until_passed: bool) -> None:
        self._context = context
        self._lab = lab
        self._until_passed = until_passed
        self._style = style_of()
        self._interactive = sys.stdin.isatty() and sys.stdout.isatty() and not context.args.json
        self._everything = False
        self._message: list[str] = []
        """What is shown below the verdict: a hint, or what a key has done."""
        self._armed = ""
        """The key that must be pressed again before it does something that cannot be undone."""
        self._report: Report | None = None
        self._asked = Asked()
        self._problem: LabError | None = None
        self._shells = Shells(context.engine, kept_in(context.places))
        if self._interactive:
            # The screen is redrawn from the top, so messages of operations need their own place on it.
            context.say = self._tell
        self._changes = self._follow()

    def _follow(self) -> Changes:
        """Follow the engine and the learner's files of the lab that is watched now."""
        changes = Changes(self._context.engine, folder_of(self._context.places, self._lab))
        changes.follow()
        return changes

    def run(self) -> int:
        """Check, wait, check again; return the exit code of the last verdict."""
        keys = (
            pressed(lambda key: self._changes.queue.put((key, time.time())))
            if self._interactive
            else contextlib.nullcontext()
        )
        with keys:
            self._judge()
            while not (self._until_passed and self._report is not None and self._report.passed):
                key = self._next()
                if key == "q":
                    break
                self._obey(key)
        self._changes.end()
        self._shells.close()
        return int(self._report.exit_code) if self._report else int(ExitCode.COULD_NOT_RUN)

    def _next(self) -> str:
        """Wait for a key, a change, or the next regular check; return the key, or an empty text for the others."""
        passed = self._report is not None and self._report.passed
        try:
            what, at = self._changes.queue.get(
                timeout=None if passed and self._interactive else AGAIN_SECONDS
            )
        except queue.Empty:
            return ""
        if what not in {"engine", "files"}:
            return what
        # Events from the time when the checks ran may come from the checks themselves.
        if what == "engine" and at <= self._judged_at:
            return "ignore"
        settled = time.monotonic() + SETTLE_SECONDS
        while (left := settled - time.monotonic()) > 0:
            try:
                more, _ = self._changes.queue.get(timeout=left)
            except queue.Empty:
                break
            if more not in {"engine", "files"}:
                return more
        return ""

    def _obey(self, key: str) -> None:
        if key == "ignore":
            return
        armed, self._armed = self._armed, ""
        if key == "h":
            self._message = self._next_hint()
            self._draw()
        elif key == "a":
            self._everything = not self._everything
            self._draw()
        elif key == "r" and armed != "r":
            self._armed = "r"
            self._message = [
                "Reset copies your files aside and removes the lab's containers. Press r again to do it."
            ]
            self._draw()
        elif key == "r":
            self._reset()
        elif key == "n":
            self._go_on()
        else:
            self._judge(asked=key == "c")

    # -- judging -------------------------------------------------------------------------------------------

    _judged_at = 0.0

    def _judge(self, *, asked: bool = False) -> None:
        before, shown, kept = self._verdicts(), self._message, self._asked.kept
        looking = self._interactive and not asked
        report: Report | None = None
        try:
            report = judging.check(self._context, self._lab, shells=self._shells, keep=False, looking=looking)
            self._report, self._problem = self._asked.fill_in(report, looking=looking), None
        except LabError as error:
            self._report, self._problem = None, error
        self._judged_at = time.time()
        if self._verdicts() == before and before and not asked:
            # A progress message has replaced what was shown, or a failure is now shown from an earlier verdict.
            if self._message is not shown or self._asked.kept != kept:
                self._message = shown
                self._draw()
            return
        self._message = []
        if report is not None:
            judging.keep_attempt(self._context, report)
        self._draw()

    def _verdicts(self) -> Sequence[object]:
        if self._report is not None:
            return [(check.id, check.status, check.failure, check.reason) for check in self._report.checks]
        return [self._problem.what] if self._problem else []

    def _next_hint(self) -> list[str]:
        if self._report is None:
            return ["There is no verdict yet, so there is no hint."]
        hint = judging.hint(self._context, self._lab, self._report)
        if hint is None:
            return ["Every check passes. There is nothing left to hint at."]
        return [f"Hint {hint.rung} of {hint.rungs}: {hint.text}" if hint.rungs > 1 else hint.text]

    def _reset(self) -> None:
        self._message = [f"Resetting lab {self._lab.number} …"]
        self._draw()
        try:
            done = operations.reset(self._context, self._lab)
            self._message = [
                f"Your files were set aside: {done.aside}" if done.aside else "The lab was reset."
            ]
        except LabError as error:
            self._message = [f"{error.what} {error.remedy}"]
        said, self._report = self._message, None
        self._asked.forget()
        self._judge()
        self._message = said
        self._draw()

    def _go_on(self) -> None:
        labs = list(self._context.catalogue)
        later = [lab for lab in labs if lab.slug > self._lab.slug]
        if not later:
            self._message = ["This is the last lab."]
            self._draw()
            return
        number = int(later[0].number)
        # This can take a while, and longer if the lab's images are missing.
        self._message = [f"Starting lab {later[0].number} …"]
        self._draw()
        try:
            operations.start(self._context, later[0])
        except LabError as error:
            self._message = [f"Lab {later[0].number} did not start: {error.what} {error.remedy}"]
            self._draw()
            return
        self._lab, self._report = later[0], None
        self._asked.forget()
        self._changes.end()
        self._changes = self._follow()
        self._judge()
        self._message = [f"The lesson: lab open {number}"]
        self._draw()

    # -- showing -------------------------------------------------------------------------------------------

    def _tell(self, line: str) -> None:
        self._message = [line]
        self._draw()

    def _waiting(self, report: Report) -> list[str]:
        """Say what waits for the key, and what was found when it was last pressed."""
        first = report.first_problem
        if first is not None:
            return ["This was found when you last pressed c."] if first.id in self._asked.kept else []
        waiting = sum(check.waits for check in report.checks)
        runs = (
            "check breaks something to see what happens, and runs"
            if waiting == 1
            else "checks break something to see what happens, and run"
        )
        return [f"{waiting} {runs} only when you press c."] if waiting else []

    def _draw(self) -> None:
        if self._context.args.json:
            if self._report is not None:
                print_json(self._report, flush=True)
            return
        if not self._interactive:
            print(one_line(self._report) if self._report else str(self._problem), flush=True)
            return
        style = self._style
        if self._report is not None:
            lines = report_lines(self._report, style, everything=self._everything)
            lines += [line for text in self._waiting(self._report) for line in ("", *style.wrap(text))]
        else:
            problem = self._problem
            lines = [style.paint(str(problem), "yellow"), f"  {problem.remedy if problem else ''}"]
        for text in self._message:
            lines += ["", *style.wrap(text)]
        lines += ["", style.paint(_KEYS, "dim")]
        # Go to the top, clear each line to its end, then clear the rest of the screen: so nothing flickers.
        sys.stdout.write("\033[H" + "".join(f"{line}\033[K\n" for line in lines) + "\033[J")
        sys.stdout.flush()
