"""The learner's own script, run as the learner runs it, and what the users saw of it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.grading.author import fail, past_events, require

from .service import version_of

if TYPE_CHECKING:
    from checker.grading.author import Lab, Run

    from .service import Service

FILE = "release.sh"
RUN_SECONDS = 60.0
"""How long the script may take; a release that waits for everything takes about 15 s."""


class Script:
    """The script `release.sh` in the work folder.

    Args:
        lab: the lab.
        service: what it changes.
    """

    def __init__(self, lab: Lab, service: Service) -> None:
        self.lab = lab
        self.service = service
        # Two releases that nobody has heard of, with nothing in their names that tells the good one from the bad one.
        numbers = secrets.SystemRandom().sample(range(100, 1000), 2)
        self.good, self.bad = (f"2.{number}" for number in numbers)

    @property
    def text(self) -> str:
        """What it says; without one, the check that needs it fails."""
        return self.lab.script(FILE).require(
            f"There is no {FILE} in the work folder: you would have to type every command again for the next release, at any hour.",
            expected=f"a file {FILE} that takes the version as its argument",
            hint="Lesson, “Your turn”, says what the script is called and what its argument is.",
        )

    def run(self, version: str) -> tuple[Run, float]:
        """Run it for a version, and return how it ended and when it began, by the users' clock."""
        mark = self.service.traffic.mark(f"{FILE} {version}, run by the check")
        return self.lab.script(FILE).run(version, seconds=RUN_SECONDS), mark.at

    def require_moves(self, before: str, after: str) -> None:
        """Run it to release a version, and require that nobody loses anything by it."""
        run, begin = self.run(after)
        took = self.service.traffic.now() - begin
        require(
            run.ok,
            f"`{run.shown}` {run.ending}, although {after} is a version that works.",
            expected=f"exit code 0 within {RUN_SECONDS:g} s",
            seen=f"exit code {run.done.rc}; the users have {self.service.version() or 'nothing'}",
            source=f"{run.shown}; echo $?",
            evidence=run.evidence,
            hint="Run it yourself as `sh -x release.sh VERSION`: the last line before the end is where it stopped. It has to work "
            "for a version that nobody has heard of, too.",
        )
        outcomes.rollout(
            self.service.traffic.await_settled(begin - 2),
            before=before,
            after=after,
            because=self.service.because,
            source="lab timeline 8",
            hint=f"The check ran `{run.shown}`. Start, wait, move, wait, stop: which of them is missing in the script?",
            unfinished="Which version does the proxy still use when the script has ended?",
        )
        self.service.require_alone()
        self.service.require_own_image()
        self.service.require_warm_up()
        self.lab.record(
            "rollback" if after in {"1.0", "2.0"} else "release", round(took, 1), "s", "the script"
        )

    def require_refuses(self, bad: str, good: str) -> None:
        """Run it for a release that answers wrong, and require that no user meets it and that it is gone afterwards."""
        run, begin = self.run(bad)
        seen = self.service.traffic.between(begin, self.service.traffic.now())
        left = [each for each in self.service.copies() if version_of(each) == bad]
        now = self.service.version()
        tried = any(
            each.version == bad for each in past_events(self.lab.engine, since=begin, actions=["start"])
        )
        if left or now != good:
            self.run(good)
            for each in left:
                each.remove()
        if now not in {"", good, bad} and not seen.failures:
            fail(
                f"`{run.shown}` moved the users to {now}: it does the same, whatever version it gets.",
                expected=f"the users keep {good}",
                seen=f"the users had {now}",
                source=f"{run.shown}; curl http://proxy:8080/",
                evidence=run.evidence,
                hint="How does your script know which version is wanted, and which one the users have?",
            )
        require(
            not seen.failures and now == good,
            f"`{run.shown}` gave the users a version that says it is ready and answers with errors: {len(seen.failures)} of "
            f"{len(seen.requests)} requests failed. Ready is what a program says of itself.",
            expected=f"{bad} refused before the first user gets it",
            seen=seen.summary,
            source="lab timeline 8",
            evidence=run.evidence,
            hint="Lesson, “Ready, and wrong”: which request did it answer well, and which one do the users send?",
        )
        require(
            not run.ok,
            f"`{run.shown}` ended with exit code 0, as if {bad} had been released. The person or the pipeline that ran it takes "
            "that for a success.",
            expected="an exit code other than 0",
            seen=f"exit code 0; the users have {good}",
            source=f"{run.shown}; echo $?",
            evidence=run.evidence,
            hint="Which command of your script decides its exit code when it refuses?",
        )
        require(
            tried,
            f"`{run.shown}` refused {bad} without having started it. It knows the names of versions, and a name says nothing about "
            "the answers.",
            expected=f"a copy of {bad} that is started, tested and removed",
            seen="no container of that image was started",
            source="docker events --since 2m --until 0s --filter event=start",
            evidence=run.evidence,
            hint="Lesson, “Ready, and wrong”: how did you find out whether a version answers as it should?",
        )
        require(
            not left,
            f"`{run.shown}` refused {bad} and left its copy running: at the next try its name is in use, and it uses memory.",
            expected=f"no copy of {bad}",
            seen=", ".join(each.name for each in left),
            source="docker ps",
            hint="What has your script made that nobody needs when it gives up?",
        )
