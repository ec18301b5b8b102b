"""The learner's own script, run as the learner runs it, and what the users saw of it."""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.errors import LabError
from checker.grading.author import fail, past_events, require, wait_until

from .service import version_of

if TYPE_CHECKING:
    from checker.grading.author import Lab, Run

    from .service import Service

FILE = "release.sh"
WRONG = 500
"""The status of the answers of a version like 2.1."""

RUN_SECONDS = 60.0
"""How long the script may take; a release that waits for everything takes about 15 s."""

ARRIVE_SECONDS = 5.0
"""How long after the script's end the users may wait for the first answer of the new version."""


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

    def require(self) -> str:
        """Return what it says; without one, the check fails."""
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
        # A script may end before a user has had an answer of the new version.
        wait_until(lambda: self.service.traffic.since(begin).latest == after, ARRIVE_SECONDS, every=0.2)
        # Once more when the old version is gone: the script may have left the end to a command in the background.
        for is_gone in (False, True):
            if is_gone:
                self.service.require_alone()
            outcomes.rollout(
                self.service.traffic.await_settled(begin - 2),
                before=before,
                after=after,
                because=self.service.because,
                source="lab timeline 8",
                hint=f"The check ran `{run.shown}`. Start, wait, move, wait, stop: which of them is missing in the script?",
                unfinished="Which version does the proxy still use when the script has ended?",
            )
        self.service.require_own_image()
        self.service.require_warm_up()
        self.lab.record(
            "rollback" if after in {"1.0", "2.0"} else "release", round(took, 1), "s", "the script"
        )

    def require_refuses(self, bad: str, good: str) -> None:
        """Run it for a release that answers wrong, and require that no user meets it and that it is gone afterwards."""
        tried = Started(self.lab, bad, self.service.traffic.now())
        run, begin = self.run(bad)
        was_tried = tried.end()
        seen = self.service.traffic.between(begin, self.service.traffic.now())
        now = self.service.version()
        # One that was stopped and not removed counts too: its name is in use.
        there = {each.id: each for each in (*self.lab.containers(), *self.service.copies())}
        left = [each for each in there.values() if version_of(each) == bad]
        facts = {"source": f"{run.shown}; echo $?", "evidence": run.evidence}
        if now != good:
            self.run(good)
        for each in left:
            each.remove()
        require(
            now in {"", good, bad} or seen.failures,
            f"`{run.shown}` moved the users to {now}: it does the same, whatever version it gets.",
            expected=f"the users keep {good}",
            seen=f"the users had {now}",
            hint="How does your script know which version is wanted, and which one the users have?",
            **facts | {"source": f"{run.shown}; curl http://proxy:8080/"},
        )
        if seen.failures or now != good:
            # The bad version says itself that it fails; a proxy that reaches nobody says 502.
            met = now == bad or any(each.status == WRONG for each in seen.failures)
            fail(
                (
                    f"`{run.shown}` gave the users a version that says it is ready and answers with errors: {len(seen.failures)} of "
                    f"{len(seen.requests)} requests failed. Ready is what a program says of itself."
                )
                if met
                else f"`{run.shown}` took {good} away from the users before it had tested {bad}: {len(seen.failures)} of "
                f"{len(seen.requests)} requests failed. A release that is refused must cost them nothing.",
                expected=f"{bad} refused before the first user gets it",
                seen=seen.summary,
                hint="Lesson, “Ready, and wrong”: which request did it answer well, and which one do the users send?"
                if met
                else "Which of the five parts of a release does your script begin with?",
                **facts | {"source": "lab timeline 8"},
            )
        require(
            not run.timed_out,
            f"`{run.shown}` {run.ending}, and was ended by the check: it waits for a good answer that never comes. Anyone who runs it "
            "at night waits too.",
            expected=f"an exit code other than 0 within {RUN_SECONDS:g} s",
            seen=f"no end after {RUN_SECONDS:g} s; the users have {good}",
            hint="Which loop of your script has no end when the version answers with an error each time?",
            **facts,
        )
        require(
            not run.ok,
            f"`{run.shown}` ended with exit code 0, as if {bad} had been released. The person or the pipeline that ran it takes "
            "that for a success.",
            expected="an exit code other than 0",
            seen=f"exit code 0; the users have {good}",
            hint="Which command of your script decides its exit code when it refuses?",
            **facts,
        )
        require(
            was_tried,
            f"`{run.shown}` {run.ending}, without having started a copy of {bad}. Either it goes by the names of versions, which say "
            "nothing about the answers, or an error ended it before the test.",
            expected=f"a copy of {bad} that is started, tested and removed",
            seen="no container of that image was started",
            hint="`sh -x release.sh 2.1` shows the last line before the end. Lesson, “Ready, and wrong”: how did you find out whether "
            "a version answers as it should?",
            **facts,
        )
        require(
            not left,
            f"`{run.shown}` refused {bad} and left its container there: at the next try its name is in use.",
            expected=f"no container of {bad}, running or not",
            seen=", ".join(f"{each.name}: {each.status}" for each in left),
            hint="What has your script made that nobody needs when it gives up?",
            **facts | {"source": "docker ps --all"},
        )


class Started:
    """Watches whether a container of a version is started, from now on until `end`.

    An engine remembers 256 events at most, and a script that tests with `docker exec` causes three each time.

    Args:
        lab: the lab.
        version: the version.
        since: when it begins, in seconds since 1970.
    """

    def __init__(self, lab: Lab, version: str, since: float) -> None:
        self._seen = self._ended = False

        def look() -> bool:
            # An error is the next request's too, and that is not in a thread.
            with contextlib.suppress(LabError):
                events = past_events(lab.engine, since=since, actions=["start"])
                self._seen = self._seen or any(each.version == version for each in events)
            return self._seen or self._ended

        self._thread = threading.Thread(
            target=lambda: wait_until(look, 2 * RUN_SECONDS, every=1.0), daemon=True
        )
        self._thread.start()

    def end(self) -> bool:
        """Stop watching, and return whether one was started."""
        self._ended = True
        self._thread.join()
        return self._seen
