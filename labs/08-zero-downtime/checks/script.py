"""The learner's own script, run as the learner runs it, and what the users saw of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.grading.author import fail, require

if TYPE_CHECKING:
    from checker.engine.shell import Completed
    from checker.grading.author import Lab

    from .service import Service

FILE = "release.sh"
RUN_SECONDS = 60
"""How long the script may take; a release that waits for everything takes about 15 s."""

TIMED_OUT = 124


class Script:
    """The script `release.sh` in the work folder.

    Args:
        lab: the lab.
        service: what it changes.
    """

    def __init__(self, lab: Lab, service: Service) -> None:
        self.lab = lab
        self.service = service

    @property
    def text(self) -> str:
        """What it says; without one, the check that needs it fails."""
        file = self.lab.work / FILE
        require(
            file.is_file(),
            f"There is no {FILE} in the work folder: what was typed by hand has to be typed again for the next release, at "
            "whatever hour that is.",
            expected=f"a file {FILE} that takes the version as its argument",
            seen=", ".join(sorted(each.name for each in self.lab.work.iterdir())) or "an empty folder",
            source="ls",
            hint="Lesson, “Your turn”, says what the script is called and what it is given.",
        )
        return file.read_text(encoding="utf-8", errors="replace")

    def run(self, version: str) -> Completed:
        """Run it for a version, as the learner would in the toolbox."""
        toolbox = self.lab.node("toolbox")
        folder = shlex.quote(str(toolbox.attrs["Config"]["WorkingDir"]))
        # One with a first line of its own may be in any language.
        how = (
            f'if [ -x {FILE} ]; then set -- ./{FILE}; else set -- bash {FILE}; fi; timeout {RUN_SECONDS} "$@"'
        )
        return toolbox.exec(
            f"cd {folder} && ( {how} {shlex.quote(version)} ) 2>&1 < /dev/null", RUN_SECONDS + 5
        )

    def require_moves(self, before: str, after: str) -> float:
        """Run it to release a version, require that nobody loses anything by it, and return the seconds it took."""
        mark = self.service.traffic.mark(f"{FILE} {after}, run by the check")
        done = self.run(after)
        took = self.service.traffic.now() - mark.at
        shown = f"sh {FILE} {after}"
        if done.rc:
            fail(
                f"`{shown}` did not finish within {RUN_SECONDS} s."
                if done.rc == TIMED_OUT
                else f"`{shown}` ended with an error, although {after} is a version that works.",
                expected="exit code 0",
                seen=f"exit code {done.rc}; the users have {self.service.version() or 'nothing'}",
                source=f"sh {FILE} {after}; echo $?",
                evidence=last_line(done),
                hint="Run it yourself as `sh -x release.sh VERSION`: the last line before the end is where it stopped.",
            )
        outcomes.rollout(
            self.service.traffic.await_settled(mark.at - 2),
            before=before,
            after=after,
            because=self.service.because,
            source="lab timeline 8",
            hint=f"The check ran `{shown}`. Start, wait, move, wait, stop: which of them is missing in the script?",
            unfinished="Whom does the proxy still ask when the script has ended?",
        )
        self.service.require_alone()
        self.service.require_own_image()
        self.service.require_warm_up()
        return took

    def require_refuses(self, bad: str, good: str) -> None:
        """Run it for a release that answers wrong, and require that no user meets it and that it is gone afterwards."""
        service = self.service
        mark = service.traffic.mark(f"{FILE} {bad}, run by the check")
        done = self.run(bad)
        until = service.traffic.now()
        seen = service.traffic.between(mark, until)
        left = [each for each in service.copies() if each.env.get("PARCEL_VERSION") == bad]
        now = service.version()
        serving = now == good
        tried = service.was_tried(bad, mark.at)
        if left or not serving:
            self._put_back(good, [each.name for each in left])
        shown = f"sh {FILE} {bad}"
        if now and now not in {good, bad} and not seen.failures:
            fail(
                f"`{shown}` moved the users to {now}: it does what it always does, whatever version it is given.",
                expected=f"the users keep {good}",
                seen=f"the users had {now}",
                source=f"{shown}; curl http://proxy:8080/",
                evidence=last_line(done),
                hint="How does your script know which version is wanted, and which one the users have?",
            )
        if seen.failures or not serving:
            fail(
                f"`{shown}` gave the users a version that says it is ready and answers them with errors: "
                f"{len(seen.failures)} of {len(seen.requests)} requests failed. Ready is what a program says of itself.",
                expected=f"{bad} refused before the first user meets it",
                seen=seen.summary,
                source="lab timeline 8",
                evidence=last_line(done),
                hint="Lesson, “Ready, and wrong”: which question did it answer well, and which one do the users ask?",
            )
        require(
            done.rc,
            f"`{shown}` ended with exit code 0, as if {bad} had been released. The person or the pipeline that called it "
            "takes that for a success.",
            expected="an exit code other than 0",
            seen=f"exit code 0; the users have {good}",
            source=f"{shown}; echo $?",
            evidence=last_line(done),
            hint="Which command of your script decides its exit code when it refuses?",
        )
        require(
            tried,
            f"`{shown}` refused {bad} without having started it. It knows the names of good versions, and the next bad one has a "
            "name that nobody knows yet.",
            expected=f"a copy of {bad} that is started, asked and sent away",
            seen="no container of that image was started",
            source="docker events --since 2m --until 0s --filter event=start",
            evidence=last_line(done),
            hint="Lesson, “Ready, and wrong”: whom would you ask whether a version answers as it should?",
        )
        require(
            not left,
            f"`{shown}` refused {bad} and left its copy running: at the next try its name is taken, and somebody may yet send "
            "users to it.",
            expected=f"no copy of {bad}",
            seen=", ".join(each.name for each in left),
            source="docker ps",
            hint="Before your script gives up, what has it made that nobody needs now?",
        )

    def _put_back(self, good: str, left: list[str]) -> None:
        """Bring back what the users had, as far as the script can."""
        self.run(good)
        for name in left:
            if container := self.lab.container(name):
                container.remove()


def last_line(done: Completed) -> str:
    """Return the last line that a command said."""
    return next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "")
