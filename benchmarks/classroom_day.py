#!/usr/bin/env python3
"""Plays a class from the plan to the grades on this machine's engine, and fails if one step is not as it should be.

    .venv/bin/python benchmarks/classroom_day.py               ten learners and lab 1
    .venv/bin/python benchmarks/classroom_day.py --keep DIR    keep everything there; if all have handed in, go on with the grades

Each learner has a laptop: a container with Python and an engine of its own, whose network leads to the teacher's machine alone.
It gets one file, as from a USB stick, and everything comes out of that. They all work at the same time. Three solve the lab,
three are stuck with one wrong answer, three with another, and one with a third. What they type is the lab's own solution and
wrong answers; every verdict is a real one. The grades are then given twice, in throw-away scenes on the teacher's machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.classroom import Server  # noqa: E402 - the checkout comes first on the path
from benchmarks.laptops import Laptop, room  # noqa: E402
from checker.course.catalogue import Catalogue  # noqa: E402
from checker.course.places import find  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

LAB = "1"
HANDED = "/root/handed"
"""Where each laptop keeps what its learner hands in."""

WRONG = ("listens-on-its-own-loopback", "both-on-one-port", "another-tag")
ROLES = (*["solution"] * 3, *[WRONG[0]] * 3, *[WRONG[1]] * 3, WRONG[2])
NAMES = ("Ada", "Ben", "Cem", "Dora", "Emre", "Fatou", "Gil", "Hana", "Ines", "Jun")
TRIES = 4
"""How often somebody checks who is stuck; from the fourth failure on, the board says so."""


def lab(*words: str, state: Path, work: Path, codes: tuple[int, ...] = (0,)) -> str:
    """Run `lab` as one person, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "checker", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DRYDOCK_STATE": str(state), "DRYDOCK_WORK": str(work)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in codes:
        raise SystemExit(
            f"`lab {' '.join(words)[:80]}` ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


@dataclass
class Learner:
    """One person with a laptop."""

    name: str
    role: str
    laptop: Laptop

    def unpacks(self, bundle: Path) -> None:
        """Make the laptop ready from one file, without a network."""
        self.laptop.put(bundle)
        self.laptop.run("python3", bundle.name)

    def joins(self, invitation: str) -> None:
        """Join the class."""
        self.laptop.lab("class", "join", invitation, "--name", self.name)

    def works(self, typed: str) -> None:
        """Start the lab, type an answer, check it, hand it in and stop."""
        solves = self.role == "solution"
        lab = self.laptop.lab
        lab("start", LAB)
        lab("shell", LAB, "--command", typed, codes=range(256))
        for _ in range(1 if solves else TRIES):
            lab("check", LAB, codes=(0,) if solves else (1,))
        lab("submit", LAB, "--name", self.name, "--to", HANDED, "--yes")
        lab("stop", LAB)

    def waiting(self) -> int:
        """Return how much the class does not have yet."""
        return int(json.loads(self.laptop.lab("class", "status", "--json"))["waiting"])


class Day:
    """The phases of the class, and how long each took."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def done(self, phase: str, said: str = "") -> None:
        """Print a line about a phase that ended."""
        now = time.monotonic()
        print(f"{phase:<9} {now - self._begun:6.1f} s  load {os.getloadavg()[0]:4.1f}  {said}", flush=True)
        self._begun = now


def must(true: bool, what: str) -> None:
    """End the play if something is not so."""
    if not true:
        raise SystemExit(f"NOT SO: {what}")


def board(server: Server) -> dict[str, Any]:
    """Return what the board shows."""
    connection = http.client.HTTPConnection("127.0.0.1", int(server.board.rpartition(":")[2]), timeout=30)
    connection.request("GET", "/api/state", headers={"Authorization": f"Bearer {server.token}"})
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return found


def answer(role: str) -> str:
    """Return what somebody types."""
    folder = Catalogue(find(ROOT)).find(LAB).folder
    return (folder / ("solution" if role == "solution" else f"wrong/{role}") / "run.sh").read_text("utf-8")


def at_once(learners: list[Learner], do: Callable[[Learner], object]) -> None:
    """Let all learners do something at the same time."""
    with ThreadPoolExecutor(len(learners)) as pool:
        list(pool.map(do, learners))


def in_room(day: Day, server: Server, learners: list[Learner], handed: Path) -> None:
    """Let everybody join, work and hand in, and look at the board."""
    invitation = server.start()
    day.done("serve", server.board)
    at_once(learners, lambda each: each.joins(invitation.text))
    must(board(server)["summary"]["joined"] == len(learners), "everybody is on the board")
    day.done("join", f"{len(learners)} learners at once")
    at_once(learners, lambda each: each.works(answer(each.role)))
    day.done("work", f"{len(learners)} learners at once, {3 + TRIES * 7} verdicts")
    handed.mkdir(exist_ok=True)
    for each in learners:
        each.laptop.take(HANDED, handed)
    while any(each.waiting() for each in learners):
        time.sleep(1)
    state = board(server)
    day.done("posted", "nothing waits on any machine")
    causes = state["causes"]
    for cause in causes:
        print(
            f"            {len(cause['learners'])} x {cause['check']}: {cause['said'][:70]} (known as: {cause['known_as']})"
        )
    must(
        [len(each["learners"]) for each in causes] == [3, 3, 1],
        "the two causes of three learners each come first",
    )
    titles = {each.name: each.toml.title for each in Catalogue(find(ROOT)).find(LAB).answers}
    must(
        [each["known_as"] for each in causes] == [titles[f"wrong/{name}"] for name in WRONG],
        "each cause is known as what was typed",
    )
    must(len(state["stuck"]) == 7, "seven learners are stuck")
    must(sum(row["passed"] == row["checks"] for row in state["rows"]) == 3, "three learners are done")


def grades(day: Day, state: Path, handed: Path, number: int) -> Path:
    """Grade a copy of what was handed in, as a teacher who never saw it before, and write the gradebooks."""
    work, own = state.parent / "teacher work", state.parent / f"handed {number}"
    if not own.is_dir():
        shutil.copytree(handed, own)
    said = lab("class", "verify", str(own), "--yes", "--json", state=state, work=work, codes=(0, 1))
    kinds = [json.loads(line)["evidence"] for line in said.splitlines()]
    target = state.parent / f"grades {number}"
    lab("class", "export", str(own), "--to", str(target), state=state, work=work)
    day.done(
        "verify",
        f"{len(kinds)} submissions: "
        + ", ".join(f"{kinds.count(each)} {each}" for each in sorted(set(kinds))),
    )
    must(len(kinds) == len(ROLES), "every submission has a result")
    return target


def main() -> int:
    """Play the day once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--keep", metavar="DIR", help="keep everything there; if all have handed in, go on with the grades"
    )
    args = parser.parse_args()
    day = Day()
    with tempfile.TemporaryDirectory(prefix="drydock-day-") as name:
        folder = Path(args.keep).absolute() if args.keep else Path(name)
        handed = folder / "handed"
        if not handed.is_dir() or len(list(handed.glob("*.gz"))) < len(ROLES):
            before_the_grades(day, folder)
        written = [grades(day, folder / "teacher", handed, number) for number in (1, 2)]
        files = [{each.name: each.read_bytes() for each in target.iterdir()} for target in written]
        must(files[0] == files[1], "the same grades twice, byte by byte")
        print((written[0] / "table.csv").read_text("utf-8"))
        lab("class", "purge", "--yes", state=folder / "teacher", work=folder / "work")
        day.done("purge", f"{len(files[0])} files of grades were the same twice")
    return 0


def before_the_grades(day: Day, folder: Path) -> None:
    """Play everything up to the last submission."""
    teacher, bundle = folder / "teacher", folder / "room.pyz"
    with room(len(ROLES)) as (address, laptops):
        day.done("laptops", f"{len(laptops)} containers with an engine")
        routes = laptops[0].run("ip", "route")
        must("default" not in routes, f"a laptop has no way out of the room: {routes}")
        version = laptops[0].run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        lab("class", "plan", LAB, "--learners", str(len(ROLES)), state=teacher, work=folder / "work")
        day.done("plan")
        lab(
            *("class", "bundle", LAB, "--no-pages", "--python", version, "--to", str(bundle)),
            state=teacher,
            work=folder / "work",
        )
        day.done("bundle", f"{bundle.stat().st_size / 1e6:.0f} MB")
        learners = [Learner(*each) for each in zip(NAMES, ROLES, laptops, strict=True)]
        at_once(learners, lambda each: each.unpacks(bundle))
        day.done("unpack", "each laptop is ready from that file, without a network")
        server = Server(teacher, "--no-pages", "--bundle", str(bundle), "--labs", LAB, address=address)
        try:
            in_room(day, server, learners, folder / "handed")
            laptops[0].lab("class", "fetch", "--to", "/root/fetched.pyz")
            sums = laptops[0].run("sha256sum", bundle.name, "fetched.pyz").split()
            must(sums[0] == sums[2], "the fetched bundle is the same")
            day.done("fetch", "one learner fetches the bundle")
        finally:
            server.end()


if __name__ == "__main__":
    sys.exit(main())
