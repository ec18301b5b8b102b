"""The learner's own script, run as the learner runs it, and what the others noticed of it."""

from __future__ import annotations

import hashlib
import shlex
from typing import TYPE_CHECKING

from checker.grading.author import fail, require, wait_until

if TYPE_CHECKING:
    from .services import Services

FILE = "release.sh"
RUN_SECONDS = 60
TIMED_OUT = 124
KINDS = {".sh", ".py", ".yaml", ".yml"}


class Script:
    """The script `release.sh` in the work folder.

    Args:
        services: what it changes.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.lab = services.lab

    @property
    def text(self) -> str:
        """What it says; without one, the check that needs it fails."""
        file = self.lab.work / FILE
        require(
            file.is_file(),
            f"There is no {FILE} in the work folder.",
            expected=f"a file {FILE} that takes a service and a version",
            seen=", ".join(sorted(each.name for each in self.lab.work.iterdir())),
            source="ls",
            hint="Lesson, “Your turn”, says what the script is called and what it is given.",
        )
        return file.read_text(encoding="utf-8", errors="replace")

    @property
    def fingerprint(self) -> str:
        """What decides how it acts: the learner's programs, scripts and Compose files."""
        files = sorted(
            each for each in self.lab.work.iterdir() if each.suffix in KINDS or each.name == "Dockerfile"
        )
        return hashlib.sha256(b"".join(each.read_bytes() for each in files if each.is_file())).hexdigest()

    def version(self) -> str:
        """Return the version of tracking that answers."""
        said = self.services.prober.get("http://tracking:8080/healthz").json()
        return str(said.get("version", "")) if isinstance(said, dict) else ""

    def require_releases(self, version: str) -> float:
        """Run it for tracking, require that nobody else notices, and return the seconds it took."""
        number, place = self.services.tracked
        self.services.scan(number, place)
        others = {name: self._seen(name) for name in ("front", "notification")}
        mark = self.services.traffic.mark(f"check: {FILE} tracking {version}")
        shown = f"sh {FILE} tracking {version}"
        self._require_run(version, shown)
        took = self.services.traffic.now() - mark.at
        self._require_untouched(others, shown)
        wait_until(lambda: self.services.parcel(number).get("tracking") == "ok", 10, every=0.2)
        said = self.services.parcel(number)
        require(
            said.get("place") == place,
            f"After `{shown}` the front no longer shows where parcel {number} is.",
            expected=f'"place": "{place}"',
            seen=str(said),
            source=f"curl http://front:8080/parcels/{number}",
            hint="Does the new container have the old one's volume, and its name?",
        )
        seen = self.services.traffic.between(mark, self.services.traffic.now())
        require(
            not seen.failures,
            f"`{shown}` cost {len(seen.failures)} of {len(seen.requests)} users of the front their answer.",
            expected="no failed request",
            seen=f"the first: {seen.failures[0].outcome}" if seen.failures else "",
            source="lab timeline 13",
            hint="What else does your script stop or start?",
        )
        self.services.forget("tracking")
        return round(took, 1)

    def _require_run(self, version: str, shown: str) -> None:
        toolbox = self.lab.node("toolbox")
        folder = shlex.quote(str(toolbox.attrs["Config"]["WorkingDir"]))
        done = toolbox.exec(
            f"cd {folder} && ( timeout {RUN_SECONDS} bash {FILE} tracking {version} ) 2>&1 < /dev/null",
            RUN_SECONDS + 5,
        )
        evidence = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "")
        require(
            done.rc == 0,
            f"`{shown}` did not finish within {RUN_SECONDS} s."
            if done.rc == TIMED_OUT
            else f"`{shown}` ended with an error.",
            expected="exit code 0",
            seen=f"exit code {done.rc}",
            source=f"{shown}; echo $?",
            evidence=evidence,
            hint="Run it yourself as `sh -x release.sh tracking 1.1`: the last line before the end is where it stopped.",
        )
        wait_until(lambda: self.version() == version, 10, every=0.2)
        require(
            self.version() == version,
            f"`{shown}` is done, and tracking is still {self.version() or 'away'}.",
            expected=f'"version": "{version}" from http://tracking:8080/healthz',
            seen=self.services.prober.get("http://tracking:8080/healthz").summary,
            source="curl http://tracking:8080/healthz",
            evidence=evidence,
            hint="Where does VERSION come from, in Dockerfile and in compose.yaml, and who makes the image again?",
        )

    def _seen(self, name: str) -> tuple[str, str]:
        container = self.services.require_one(name)
        return container.id, container.started_at

    def _require_untouched(self, before: dict[str, tuple[str, str]], shown: str) -> None:
        for name, was in before.items():
            if not self.services.holders(name) or self._seen(name) != was:
                fail(
                    f"`{shown}` also replaced or restarted `{name}`. What can only be released together is one program, in several "
                    "containers: a distributed monolith.",
                    expected=f"`{name}` runs on, untouched",
                    seen=f"{name} was started again",
                    source="docker compose ps",
                    hint="Which services does your command name, and which does Compose add by itself?",
                )
