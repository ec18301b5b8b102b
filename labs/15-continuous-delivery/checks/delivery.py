"""What the learner's pipeline makes of commits that the checks push, as production, the test machine and the users see it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run, forms, wait_until

from .commits import Source

if TYPE_CHECKING:
    from checker.grading.author import Lab, Mark, Timeline, Traffic

    from .commits import Files

PUSH_SECONDS = 280.0
"""How long a push of two commits may take: the runner ends a pipeline after 120 s."""

SLOW_SECONDS = 3.0
"""How long the unit tests of the first of two commits take: long enough for a run without them to overtake it."""

PAUSE_SECONDS = 0.7
"""How long after the first the second is pushed."""

SHORT = 19
"""How much of a digest is shown: `sha256:` and twelve digits."""


@dataclass(frozen=True)
class Run:
    """One run of the pipeline: what it printed, and how it ended."""

    commit: str
    said: list[str]
    began: float
    ended: float

    @property
    def result(self) -> str:
        """What follows the last `result:`; empty without one."""
        found = [line.partition(":")[2].strip() for line in self.said if line.startswith("result:")]
        return found[-1] if found else ""

    @property
    def exit_code(self) -> int | None:
        """What the runner says it ended with; None if it never ended."""
        found = [re.match(r"runner: \w+ ended with exit code (\d+)", line) for line in self.said]
        return next((int(each[1]) for each in reversed(found) if each), None)

    @property
    def evidence(self) -> str:
        """The last line that the pipeline itself printed."""
        frame = re.compile(r"runner: \w+ (ended|[0-9a-f]{40})|result:|To git:|   ")
        own = [line for line in self.said if line.strip() and not frame.match(line)]
        return own[-1] if own else ""

    @property
    def source(self) -> str:
        """The command that shows all of it."""
        return f"cat /srv/runner/log/{self.commit}.log"


@dataclass(frozen=True)
class Outcome:
    """What came of a push: the runs of the pipeline, and what was seen meanwhile."""

    before: set[str]
    """The ids of the images that were live before."""
    runs: list[Run]
    started: list[dict[str, str]]
    moved: list[str]
    heard: list[str]
    live: list[dict[str, str]]
    seen: Timeline
    mark: Mark

    @property
    def run(self) -> Run:
        """The last one."""
        return self.runs[-1]

    def in_production(self, name: str) -> list[str]:
        """Return the ids of the images of which a copy was started for a service of production."""
        return [each["id"] for each in self.started if each["service"] == name]

    def tried(self, service: str) -> list[dict[str, str]]:
        """Return the containers that were started elsewhere than in the service that users get."""
        return [each for each in self.started if each["service"] != service]


class Delivery:
    """The learner's pipeline and what it delivers to.

    Args:
        lab: the lab.
        traffic: the users.
    """

    def __init__(self, lab: Lab, traffic: Traffic) -> None:
        self.lab = lab
        self.traffic = traffic
        self.source = Source(lab.course_lab.folder / "start" / "parcel")
        self._program = (Path(__file__).parent / "in_runner.py").read_text(encoding="utf-8")
        self.state = self._ask("state")
        self.first = self.state
        self.pushed = False
        self._two: Outcome | None = None

    def _ask(self, *words: str, seconds: float = 15.0) -> Any:
        command = " ".join(shlex.quote(word) for word in words)
        done = self.lab.node("runner").exec(
            f"python3 - {command} <<'PROGRAM'\n{self._program}\nPROGRAM", seconds
        )
        if done.rc:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            could_not_run(f"The runner could not be asked: {last}. `lab reset 15` makes a new one.")
        return json.loads(done.stdout.strip().splitlines()[-1])

    @property
    def main(self) -> str:
        """The learner's newest commit."""
        return str(self.first["main"])

    @property
    def learners_run(self) -> Run:
        """What the pipeline said of the learner's newest commit, the last time."""
        return Run(self.main, last_run(str(self.first["log"]).splitlines()), 0, 0)

    @property
    def service(self) -> str:
        """The name of the service that users get."""
        return str(self.first["live"][0]["service"]) if self.first["live"] else ""

    @property
    def before(self) -> set[str]:
        """The ids of the images that are live now."""
        return {each["id"] for each in self.state["live"]}

    @property
    def fingerprint(self) -> str:
        """What decides how the pipeline acts: the scene, the learner's files, and the newest commit."""
        found = hashlib.sha256(f"{self.lab.node('runner').id} {self.main}".encode())
        for file in sorted(self.lab.work.iterdir()):
            if file.is_file():
                found.update(file.name.encode() + file.read_bytes())
        return found.hexdigest()

    def push(self, *commits: Files, pause: float = 0.0, move_tags: bool = False, what: str = "") -> Outcome:
        """Push commits of the checks, each a pause after the one before, and wait until the pipeline has ended.

        Args:
            commits: what changes in each.
            pause: seconds.
            move_tags: whether each tag is given another image, as soon as the image that it names was run.
            what: what it is called on the timeline.
        """
        pushes = [
            {"files": files, "message": what, "after": pause * place} for place, files in enumerate(commits)
        ]
        return self._push(pushes, what, move_tags=move_tags)

    def roll_back(self, commit: str) -> Outcome:
        """Push a commit to `rollback`."""
        return self._push([{"commit": commit, "to": "rollback", "after": 0}], "rollback")

    def two_at_once(self) -> Outcome:
        """Push two good commits, the first with slow tests, the second while these run; pushed once for both checks."""
        if self._two is None:
            commits = self.source.good(seconds=SLOW_SECONDS), self.source.good()
            self._two = self.push(*commits, pause=PAUSE_SECONDS, move_tags=True, what="two commits at once")
        return self._two

    def forget_builds(self) -> None:
        """Remove what was built on the test machine, and the cache: a new build is then another image."""
        image = "docker image ls --quiet --filter reference='registry:5000/*'"
        self.lab.node("test").exec(
            f"docker builder prune --all --force; {image} | xargs --no-run-if-empty docker image rm --force",
            60,
        )

    def _push(self, pushes: list[dict[str, Any]], what: str, *, move_tags: bool = False) -> Outcome:
        self.pushed = True
        before = self.before
        mark = self.traffic.mark(f"check: {what}")
        asked = json.dumps({"pushes": pushes, "move_tags": move_tags, "base": self.main})
        found = self._ask("push", asked, seconds=PUSH_SECONDS)
        runs = [Run(each["commit"], each["said"], each["began"], each["ended"]) for each in found["pushes"]]
        seen = self.traffic.between(mark, self.traffic.now())
        self.state = found
        return Outcome(
            before, runs, found["started"], found["moved"], found["heard"], found["live"], seen, mark
        )

    def leaks(self, password: str) -> dict[str, str]:
        """Return where the password is readable, and in which form; empty if nowhere."""
        needles = {base64.b64encode(text).decode(): form for text, form in forms(password).items()}
        return dict(self._ask("leaks", json.dumps(needles), seconds=60))

    def put_back(self) -> None:
        """Give main and production back what they had before the checks pushed anything."""
        if self.pushed and self.main:
            image = self.first["services"].get(self.service, "")
            self._ask("back", self.main, self.service if image else "", image, seconds=90)

    def without_registry(self, files: Files) -> Outcome:
        """Push a commit while the registry is stopped, and start it again."""
        registry = self.lab.node("registry")
        registry.stop(1)
        try:
            return self.push(files, what="pushed without the registry")
        finally:
            registry.start()
            wait_until(self._registry_answers, 20, every=0.2)

    def _registry_answers(self) -> bool:
        asked = "curl -s -o /dev/null --cacert /run/ca/ca.crt https://registry:5000/v2/"
        return self.lab.node("runner").exec(asked, 5).rc == 0


def last_run(log: list[str]) -> list[str]:
    """Return the lines of the last run of the pipeline in a commit's log, which has its rollbacks too."""
    begins = [
        place
        for place, line in enumerate(log)
        if re.match(r"runner: (pipeline|rollback) [0-9a-f]{40}$", line)
    ]
    runs = [log[begin:end] for begin, end in zip(begins, [*begins[1:], None], strict=False)]
    return next((run for run in reversed(runs) if run[0].startswith("runner: pipeline")), [])
