"""What the learner's pipeline makes of commits that the checks push, as production, the test machine and the users see it."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run, form_in, forms, wait_until

from .commits import LEFT_OUT, MARK, Source

if TYPE_CHECKING:
    from checker.grading.author import Lab, Mark, Timeline, Traffic

    from .commits import Files

PUSH_SECONDS = 280.0
"""How long a push of two commits may take: the runner ends a pipeline after 120 s."""

SLOW_SECONDS = 3.0
"""How long the unit tests of the first of two commits take: long enough for a run without them to overtake it."""

PAUSE_SECONDS = 0.7
"""How long after the first the second is pushed."""

FRONT_LINES = 20000
"""How many of the last lines of the front are read at most: more than it writes while a push lasts."""

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
    def digest(self) -> str:
        """The digest in the result; empty without one."""
        found = re.search(r"sha256:[0-9a-f]{64}", self.result)
        return found[0] if found else ""

    @property
    def is_live(self) -> bool:
        """Whether it says that the commit is live, and that this is a success."""
        return self.exit_code == 0 and self.result.split()[:1] == ["live"]

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
    started: list[dict[str, Any]]
    heard: list[str]
    """From where the unit tests were heard: their host's name, and their container's id if it has one."""
    live: list[dict[str, str]]
    """What users could reach when the last run ended."""
    seen: Timeline
    mark: Mark
    moved: list[str] = field(default_factory=list)
    """The tags that were given to another image."""
    unmoved: list[str] = field(default_factory=list)
    """The tags that the registry would not give to another image."""
    given: list[str] = field(default_factory=list)
    """The ids of the images that these tags were given to."""
    versions: list[str] = field(default_factory=list)
    """What the pushed commits answer as their version, in their order."""
    known: set[str] = field(default_factory=set)
    """The ids of the images that had been started or live before."""
    late: str = ""
    """What the front says of a copy that it asked and that answered too late; empty if none did."""
    load: float = 0.0
    """How many programs ran or waited for each processor, on the average of the last minute."""
    leak: str = ""
    """In which form a run printed the registry's password; empty if none did."""

    @property
    def run(self) -> Run:
        """The last one."""
        return self.runs[-1]

    @property
    def in_production(self) -> list[str]:
        """The ids of the images of which a copy was started for users."""
        return [each["id"] for each in self.started if each["for_users"]]

    @property
    def tried(self) -> list[dict[str, Any]]:
        """The containers that were started for something else than users."""
        return [each for each in self.started if not each["for_users"]]


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
        self.releases = 0
        """How many pushes have given users another image."""
        self.known = set(self.before)
        """The ids of the images that were started or live at some time."""
        self.delivered = ""
        """The commit of the checks that was released last; empty if none was."""
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
    def pulled(self) -> list[str]:
        """The newest commit of the checks in the history of the learner's, after the one that it stands on; empty for none."""
        return list(self.first["pulled"])

    @property
    def learners_run(self) -> Run:
        """What the pipeline said of the learner's newest commit, the last time."""
        return Run(self.main, last_run(said_in(str(self.first["log"]).splitlines())), 0, 0)

    @property
    def before(self) -> set[str]:
        """The ids of the images that are live now."""
        return {each["id"] for each in self.state["live"]}

    @property
    def fingerprint(self) -> str:
        """What decides how the pipeline acts: the scene, the learner's files, and the newest commit."""
        found = hashlib.sha256(f"{self.lab.node('runner').id} {self.main}".encode())
        for file in sorted(self.lab.work.rglob("*")):
            name = file.relative_to(self.lab.work).as_posix()
            if file.is_file() and not {".git", "__pycache__"} & set(name.split("/")):
                found.update(f"\0{name}\0{file.stat().st_mode:o}\0".encode() + file.read_bytes())
        return found.hexdigest()

    def push(self, *commits: Files, pause: float = 0.0, move_tags: bool = False, what: str = "") -> Outcome:
        """Push commits of the checks, each a pause after the one before, and wait until the pipeline has ended.

        Args:
            commits: what changes in each.
            pause: seconds.
            move_tags: whether each tag is given another image, as soon as the image that it names was run.
            what: what it is called on the timeline.
        """
        pushes = [{"files": files, "after": pause * place} for place, files in enumerate(commits)]
        outcome = self._push(pushes, what, move_tags=move_tags)
        self.delivered = outcome.run.commit if outcome.run.is_live else self.delivered
        return replace(outcome, versions=[version_of(files) for files in commits])

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
        self.lab.disturb("removes what was built")
        image = "docker image ls --quiet --filter reference='registry:5000/*'"
        self.lab.node("test").exec(
            f"docker builder prune --all --force; {image} | xargs --no-run-if-empty docker image rm --force",
            60,
        )

    def _push(self, pushes: list[dict[str, Any]], what: str, *, move_tags: bool = False) -> Outcome:
        self.lab.disturb(f"pushes {what}" if what != "rollback" else "rolls back")
        self.pushed = True
        before, known = self.before, set(self.known)
        since = self.lab.engine.clock.now()
        mark = self.traffic.mark(f"check: {what}")
        sought = (
            MARK if any(MARK in text for each in pushes for text in each.get("files", {}).values()) else ""
        )
        asked = json.dumps({"pushes": pushes, "move_tags": move_tags, "base": self.main, "mark": sought})
        found = self._ask("push", asked, seconds=PUSH_SECONDS)
        runs = [
            Run(each["commit"], said_in(each["said"]), each["began"], each["ended"])
            for each in found["pushes"]
        ]
        seen = self.traffic.between(mark, self.traffic.now())
        self.state = found
        self.releases += self.before != before
        self.known |= self.before | {each["id"] for each in found["started"]}
        return Outcome(
            before=before,
            runs=runs,
            started=found["started"],
            heard=found["heard"],
            live=found["then"],
            seen=seen,
            mark=mark,
            moved=found["moved"],
            unmoved=found["unmoved"],
            given=found["given"],
            known=known,
            load=found["load"],
            late=late_in(self._front_said(since)),
            leak=form_in("\n".join(line for run in runs for line in run.said).encode(), self.password),
        )

    def _front_said(self, since: float) -> list[str]:
        """Return what the front wrote since a moment of the engine's clock: an older line is not about this push."""
        front = self.lab.node("front").id
        return self.lab.engine.logs(front, FRONT_LINES, since=since).splitlines()

    @functools.cached_property
    def password(self) -> str:
        """The registry's."""
        found = self.lab.node("runner").exec("cat /run/password/password").stdout.strip()
        if not found:
            could_not_run("The runner has no password for the registry; `lab reset 15` makes a new one.")
        return found

    def has_left_out(self, outcome: Outcome) -> bool:
        """Whether a copy in production has the module that a commit's `.dockerignore` names."""
        for each in outcome.live:
            copy = f"docker ps --quiet --filter label=com.docker.swarm.service.name={each['service']}"
            asked = f"docker exec $({copy} | head -n 1) test -e {LEFT_OUT}"
            if self.lab.node(each["node"]).exec(asked).rc == 0:
                return True
        return False

    def leaks(self) -> dict[str, str]:
        """Return where the password is readable, and in which form; empty if nowhere."""
        needles = {base64.b64encode(text).decode(): form for text, form in forms(self.password).items()}
        return dict(self._ask("leaks", json.dumps(needles), seconds=60))

    def put_back(self) -> None:
        """Give main and production back what they had before the checks pushed anything."""
        if self.pushed and self.main:
            names = {each["service"] for each in self.first["live"]}
            images = {name: image for name, image in self.first["services"].items() if name in names}
            self._ask("back", self.main, json.dumps(images), seconds=90 * max(1, len(images)))

    def without_registry(self, files: Files) -> Outcome:
        """Push a commit while the registry is stopped, and start it again."""
        self.lab.disturb("stops the registry")
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


def late_in(lines: list[str]) -> str:
    """Return the first line of the front's that says that a copy did not answer in time whether it is ready."""
    found = (re.search(r"Server service/\S+ is DOWN, reason: Layer[47] timeout[^.]*", line) for line in lines)
    return next((each[0] for each in found if each), "")


def said_in(lines: list[str]) -> list[str]:
    """Return lines without colours, with what the runner says of an end on a line of its own: a program's last may lack its end."""
    ends = re.compile(r"(?<=.)(?=runner: \w+ ended with exit code \d)")
    return [part for line in lines for part in ends.split(plain(line))]


def plain(line: str) -> str:
    """Return a line without the codes that colour it."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line)


def version_of(files: Files) -> str:
    """Return what a commit answers as its version."""
    return re.findall(r'^VERSION = "(.*)"', files["parcel.py"], re.MULTILINE)[0]


def last_run(log: list[str]) -> list[str]:
    """Return the lines of the last run of the pipeline in a commit's log, which has its rollbacks too."""
    begins = [
        place
        for place, line in enumerate(log)
        if re.match(r"runner: (pipeline|rollback) [0-9a-f]{40}$", line)
    ]
    runs = [log[begin:end] for begin, end in zip(begins, [*begins[1:], None], strict=False)]
    return next((run for run in reversed(runs) if run[0].startswith("runner: pipeline")), [])
