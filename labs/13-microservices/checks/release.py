"""The learner's own script, run as the learner runs it, and what the others noticed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.named import leading
from checker.grading.author import require, wait_until

from .apart import NAMES
from .notices import require_sent_once
from .services import DRAWN, GATEWAY

if TYPE_CHECKING:
    from .services import Services

FILE = "release.sh"
RUN_SECONDS = 90
DECIDE = {".sh", ".py", ".yaml", ".yml", ".json", "Dockerfile"}
"""Which files in the work folder decide how a release goes."""


class Releases:
    """What `release.sh` in the work folder does; without one, the check fails.

    Args:
        services: what it changes.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.script = services.lab.script(FILE)
        self.text = self.script.require(
            f"There is no {FILE} in the work folder.",
            expected=f"a file {FILE} that takes a service and a version",
            hint="Lesson, “Your turn”, says what the script is called and what it is given.",
        )

    def require_alone(self) -> None:
        """Require that one service is released and rolled back and nobody notices, unless that has been shown before."""
        proof = (self.services.scene, self.services.on.title, self.text, self.services.digest_of(DECIDE))
        self.services.lab.prove_once("released", *proof, test=self._prove_alone)

    def _prove_alone(self) -> None:
        self.services.lab.disturb("runs your release.sh")
        self.services.record("release of tracking", self._require_tracking(), "s")
        self._require_notification()

    def _require_tracking(self) -> float:
        """Release another version of tracking and the old one, require that it keeps its data; return seconds for the first."""
        parcel, there = self.services.tracked, self.services.version("tracking")
        self.services.scan(parcel.number, parcel.place)
        took = self._require_release("tracking", another(there))
        said = self.services.await_parcel(parcel.number, 10)
        require(
            said.get("place") == parcel.place,
            f"After `sh {FILE} tracking {another(there)}`, the front no longer shows where parcel {parcel.number} is.",
            expected=f'"place": "{parcel.place}"',
            seen=str(said),
            source=parcel.shown,
            hint="Does the new container have the old one's volume, and its name?",
        )
        self._require_release("tracking", there)
        return took

    def _require_notification(self) -> None:
        """Release another version of notification while it has a notice to send, and the old one; require the message."""
        there = self.services.version("notification")
        with self.services.broken(GATEWAY, "wrong"):
            receivers = self.services.accept_several(1, "the gateway answered with errors")
            # It has the notice when it has tried to send it.
            wait_until(lambda: self.services.met(GATEWAY) > 1, 8, every=0.1)
            self._require_release("notification", another(there))
        require_sent_once(self.services, receivers, "notification was released")
        self._require_release("notification", there)

    def _require_release(self, name: str, version: str) -> float:
        """Run it for a service, require that nobody else notices, and return the seconds it took."""
        services = self.services
        others = {each: services.require_one(each) for each in NAMES if each != name}
        mark = services.traffic.mark(f"check: {FILE} {name} {version}")
        shown = self._require_run(name, version)
        took = services.traffic.now() - mark.at
        services.await_one(name)
        for other, was in others.items():
            now = leading(services.copies, other)
            require(
                now and (now[0].id, now[0].started) == (was.id, was.started),
                f"`{shown}` also replaced or restarted `{other}`. Services that can only be released together are one program in "
                "several containers: a distributed monolith.",
                expected=f"`{other}` continues to run, untouched",
                seen=f"{other} was started again",
                source=services.on.lists,
                hint="Which services does your command name, and which does the tool add by itself?",
            )
        seen = services.traffic.between(mark, services.traffic.now())
        require(
            not seen.failures,
            f"During `{shown}`, {len(seen.failures)} of {len(seen.requests)} users of the front got no answer.",
            expected="no failed request",
            seen=f"the first: {seen.failures[0].outcome}" if seen.failures else "",
            source=DRAWN,
            hint="What else does your script stop or start?",
        )
        return round(took, 1)

    def _require_run(self, name: str, version: str) -> str:
        """Run it, require that the service has the version afterwards, and return the command that does the same."""
        run = self.script.run(name, version, seconds=RUN_SECONDS)
        run.require_ok(
            f"Run it yourself as `sh -x {FILE} {name} {version}`: the last line before the end is where it stopped."
        )
        wait_until(lambda: self.services.version(name) == version, 10, every=0.1)
        there = self.services.version(name)
        require(
            there == version,
            f"`{run.shown}` is done, and {name} is still {there or 'not there'}.",
            expected=f'"version": "{version}"',
            seen=f'"version": "{there}"',
            source=f"curl http://{name}:8080/healthz",
            evidence=run.evidence,
            hint="Where does VERSION come from, in Dockerfile and in your settings, and who builds the image again?",
        )
        return run.shown


def another(version: str) -> str:
    """Return a version that is not this one."""
    return "1.1" if version != "1.1" else "1.0"
