"""The learner's own script, run as the learner runs it, and what the others noticed of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from checker.cluster.named import leading
from checker.grading.author import require, wait_until

from .apart import NAMES
from .notices import require_sent_once
from .services import DRAWN, FRONT, GATEWAY

if TYPE_CHECKING:
    from checker.cluster.named import Copy

    from .services import Services

FILE = "release.sh"
RUN_SECONDS = 90
KINDS = {".sh", ".py", ".yaml", ".yml", ".json"}


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

    @property
    def fingerprint(self) -> str:
        """What decides how it acts: the learner's programs, scripts and Compose files."""
        files = sorted(
            each
            for each in self.services.lab.work.iterdir()
            if each.suffix in KINDS or each.name == "Dockerfile"
        )
        return hashlib.sha256(b"".join(each.read_bytes() for each in files if each.is_file())).hexdigest()

    def require_tracking(self) -> float:
        """Release another version of tracking and the old one, require that it keeps its data; return seconds for the first."""
        number, place = self.services.tracked
        self.services.scan(number, place)
        there = self._version("tracking")
        took = self._require_release("tracking", another(there))
        wait_until(lambda: self.services.parcel(number).get("tracking") == "ok", 10, every=0.1)
        said = self.services.parcel(number)
        require(
            said.get("place") == place,
            f"After `sh {FILE} tracking {another(there)}`, the front no longer shows where parcel {number} is.",
            expected=f'"place": "{place}"',
            seen=str(said),
            source=f"curl {FRONT}/parcels/{number}",
            hint="Does the new container have the old one's volume, and its name?",
        )
        self._require_release("tracking", there)
        return took

    def require_notification(self) -> None:
        """Release another version of notification while it has a notice to send, and the old one; require the message."""
        there = self._version("notification")
        with self.services.broken(GATEWAY, "wrong"):
            receivers = self.services.accept_several(1, "the gateway answered with errors")
            # It has the notice when it has tried to send it.
            wait_until(lambda: self.services.met(GATEWAY) > 1, 8, every=0.1)
            self._require_release("notification", another(there))
        require_sent_once(self.services, receivers, "notification was released")
        self._require_release("notification", there)

    def _version(self, name: str) -> str:
        """Return the version of a service that answers."""
        said = self.services.prober.get(f"http://{name}:8080/healthz").json()
        return str(said.get("version", "")) if isinstance(said, dict) else ""

    def _require_release(self, name: str, version: str) -> float:
        """Run it for a service, require that nobody else notices, and return the seconds it took."""
        services = self.services
        others = {each: services.require_one(each) for each in NAMES if each != name}
        mark = services.traffic.mark(f"check: {FILE} {name} {version}")
        shown = self._require_run(name, version)
        took = services.traffic.now() - mark.at
        services.await_one(name)
        self._require_untouched(others, shown)
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
        require(
            run.ok,
            f"`{run.shown}` {run.ending}.",
            expected="exit code 0",
            seen=f"exit code {run.done.rc}",
            source=f"{run.shown}; echo $?",
            evidence=run.evidence,
            hint=f"Run it yourself as `sh -x {FILE} {name} {version}`: the last line before the end is where it stopped.",
        )
        wait_until(lambda: self._version(name) == version, 10, every=0.1)
        there = self._version(name)
        require(
            there == version,
            f"`{run.shown}` is done, and {name} is still {there or 'not there'}.",
            expected=f'"version": "{version}" from http://{name}:8080/healthz',
            seen=self.services.prober.get(f"http://{name}:8080/healthz").summary,
            source=f"curl http://{name}:8080/healthz",
            evidence=run.evidence,
            hint="Where does VERSION come from, in Dockerfile and in your settings, and who builds the image again?",
        )
        return run.shown

    def _require_untouched(self, before: dict[str, Copy], shown: str) -> None:
        for name, was in before.items():
            now = leading(self.services.copies, name)
            require(
                now and (now[0].id, now[0].started) == (was.id, was.started),
                f"`{shown}` also replaced or restarted `{name}`. Services that can only be released together are one program in "
                "several containers: a distributed monolith.",
                expected=f"`{name}` continues to run, untouched",
                seen=f"{name} was started again",
                source=self.services.on.lists,
                hint="Which services does your command name, and which does the tool add by itself?",
            )


def another(version: str) -> str:
    """Return a version that is not this one."""
    return "1.1" if version != "1.1" else "1.0"
