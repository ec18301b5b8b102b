"""The learner's own script, run as the learner runs it, and what the users saw of it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from checker.cluster import outcomes
from checker.grading.author import wait_until

from .service import ADDRESS, WHY, version_of
from .visitor import Visitor

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Run, Timeline

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
        traffic = self.service.traffic
        run, begin = self.run(after)
        end = traffic.now()
        WHY.require(
            run.ok,
            "good-not-released",
            run=run.shown,
            ending=run.ending,
            version=after,
            seconds=RUN_SECONDS,
            seen=f"exit code {run.done.rc}; the users have {self.service.version() or 'nothing'}",
            evidence=run.evidence,
        )
        # A script may end before a user has had an answer of the new version.
        wait_until(lambda: traffic.since(begin).latest == after, ARRIVE_SECONDS, every=0.2)
        hint = f"The check ran `{run.shown}`. Start, wait, move, wait, stop: which of them is missing in the script?"
        self.service.require_release(traffic.await_settled(begin - 2), before, after, hint)
        # Once more when the old version is gone: the script may have left the end to a command in the background.
        self.service.require_alone()
        record = traffic.await_settled(begin - 2)
        self.service.require_release(record, before, after, hint)
        whole = record.between(begin, end)
        self._excuse_busy(run, whole)
        unharmed = not (whole.failures or whole.cut or whole.refused)
        WHY.require(unharmed, "harmed-away-from-the-move", run=run.shown, seen=whole.summary)
        self.service.require_own_image()
        self.service.require_warm_up()
        name = "rollback" if after in {"1.0", "2.0"} else "release"
        self.lab.record(name, round(end - begin, 1), "s", "the script")

    def _excuse_busy(self, run: Run, seen: Timeline) -> None:
        """End the check without a verdict if all that failed while the script ran got no answer in time, on a machine that was too busy."""
        outcomes.excuse_late(
            (*seen.failures, *seen.cut, *seen.refused),
            len(seen.requests) + len(seen.downloads),
            lambda: self.lab.too_busy(self.service.traffic.everything(), seen.begin, seen.end),
            during=f"While `{run.shown}` ran",
            again="Check again",
        )

    def require_refuses(self, bad: str, good: str) -> None:
        """Run it for a release that answers wrong, and require that no user meets it and that it is gone afterwards."""
        service = self.service
        visitor = Visitor(service.prober, ADDRESS, lambda: self._copies_of(bad))
        with service.log.watching(), visitor.asking():
            run, begin = self.run(bad)
        end = service.traffic.now()
        seen, now = service.traffic.between(begin, end), service.version()
        tried = any(
            each.action == "start" and each.version == bad for each in service.log.between(begin, end)
        )
        # One that was stopped and not removed counts too: its name is in use.
        left = self._copies_of(bad)
        if now != good:
            self.run(good)
        for each in left:
            each.remove()
        if now == good and not visitor.reached:
            self._excuse_busy(run, seen)
        failed = len(seen.failures)
        # The bad version says itself that it fails; a proxy that reaches nobody says 502.
        met = now == bad or any(each.status == WRONG for each in seen.failures)
        kept = f"; the users have {good}"
        containers = ", ".join(f"{each.name}: {each.image}, {each.status}" for each in left)
        for condition, reason, shown in (
            (now in {"", good, bad} or failed, "moves-whatever-it-gets", f"the users had {now}"),
            (tried or now != bad, "only-its-name", containers),
            (not met, "users-met-the-bad", seen.summary),
            (now == good and not failed, "good-taken-away", seen.summary),
            (not visitor.reached, "users-sent-to-the-bad", visitor.line),
            (not run.timed_out, "waits-too-long", f"no end after {RUN_SECONDS:g} s{kept}"),
            (not run.ok, "refused-with-success", f"exit code 0{kept}"),
            (tried, "not-tried", "no container of that image was started"),
            (not left, "bad-left-there", containers),
        ):
            WHY.require(
                condition,
                reason,
                run=run.shown,
                ending=run.ending,
                bad=bad,
                good=good,
                now=now,
                reached=visitor.reached,
                failed=failed,
                sent=len(seen.requests),
                seconds=RUN_SECONDS,
                seen=shown,
                evidence=run.evidence,
            )

    def _copies_of(self, version: str) -> list[Container]:
        """Return the containers of a version, running or not."""
        there = {each.id: each for each in (*self.lab.containers(), *self.service.copies())}
        return [each for each in there.values() if version_of(each) == version]
