"""Runs the project's tests: first installs what each part needs, then runs pytest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from checker.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.course.places import Places


@dataclass(frozen=True)
class Part:
    """One part of the tests: a folder in tests/."""

    name: str
    what: str
    engine: bool
    browser: bool = False
    seconds: int = 1800
    by_lab: bool = False
    """Whether it tests labs, so that it can run together with other parts that do."""
    usual: bool = True
    """Whether it runs when no part is named."""
    most_lanes: int = 1
    """How many of its tests can run at the same time: tests of different labs, in different files."""
    program: bool = False
    """Whether it is a separate program, not tests for pytest."""


_MOST_LANES = 4

PARTS = (
    Part("unit", "no engine, no network", engine=False, seconds=1800, most_lanes=_MOST_LANES),
    Part(
        "integration",
        "the engine, shells, scenes, faults",
        engine=True,
        seconds=2700,
        most_lanes=_MOST_LANES,
    ),
    Part(
        "course",
        "every lab through every answer",
        engine=True,
        seconds=4500,
        by_lab=True,
        most_lanes=_MOST_LANES,
    ),
    Part("docs", "the commands of every lesson", engine=True, by_lab=True, most_lanes=_MOST_LANES),
    # A browser keeps a core busy while it draws a page, and its tests have a time limit.
    Part("browser", "the pages, in a browser", engine=True, browser=True, most_lanes=2),
    Part(
        "engines",
        "every lab on other engines, each in its own container",
        engine=True,
        usual=False,
        seconds=12 * 3600,
    ),
    Part(
        "hub",
        "a class on the course's own cluster",
        engine=True,
        usual=False,
        seconds=3600,
    ),
    Part("fire", "lab killed at random moments", engine=True, usual=False, seconds=24 * 3600, program=True),
)
"""In the order in which they run: the fast ones first."""

_TESTS_FAILED = 1
"""pytest's exit code when tests ran and some failed."""

_CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


def find_browser() -> str | None:
    """Return the Chromium of this machine: `CHROMIUM`, Debian's, or the one on PATH."""
    named = os.environ.get("CHROMIUM")
    places = [*([named] if named else []), *_CHROMIUM]
    found = next((place for place in places if Path(place).is_file()), None)
    return found or shutil.which("chromium") or shutil.which("google-chrome")


def ensure_browser(say: Callable[[str], None], *, no_install: bool) -> None:
    """Install Debian's Chromium if there is none and that needs no question.

    Raises:
        LabError: there is no Chromium, and it cannot be installed here.
    """
    if find_browser():
        return
    debian = Path("/etc/debian_version").is_file() and shutil.which("apt-get")
    if no_install or not debian or not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise LabError(
            "The browser tests need Chromium.",
            remedy="Install it (Debian: apt-get install chromium), or set CHROMIUM to its path.",
        )
    from checker.provision import apt  # noqa: PLC0415 - it imports what only Linux has

    say("installing from the distribution's packages: chromium")
    apt.run(["apt-get", "update"], root=True, progress=say)
    apt.run(
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        root=True,
        progress=say,
    )


def _run_program(part: Part, places: Places, extra: Sequence[str], say: Callable[[str], None]) -> ExitCode:
    """Run a part that is a program; its exit codes are those of `lab`."""
    say(f"testing {part.name}: {part.what}")
    code = _run([sys.executable, "-m", f"tests.{part.name}", *extra], places, part.seconds)
    return ExitCode(code) if code in list(ExitCode) else ExitCode.COULD_NOT_RUN


def together(parts: Sequence[Part]) -> list[tuple[Part, ...]]:
    """Return parts in the order to run them; the parts that test labs run as one, because they wait for the same labs."""
    by_lab = tuple(part for part in parts if part.by_lab)
    found: list[tuple[Part, ...]] = []
    for part in parts:
        group = by_lab if part.by_lab else (part,)
        if group not in found:
            found.append(group)
    return found


def lanes(parts: Sequence[Part]) -> int:
    """Return how many tests of these parts run at the same time.

    One more than there are cores, because most tests wait for containers.
    """
    return min(max(2, (os.cpu_count() or 1) + 1), *(part.most_lanes for part in parts))


_NOT_TO_RUN = {"--deselect", "--ignore", "--ignore-glob", "--confcutdir", "--rootdir"}
"""pytest's options whose value names files that are not to run by that."""


def files_named(places: Places, words: Sequence[str]) -> dict[str, list[str]]:
    """Return which of pytest's words name test files or folders, by the part that these are in.

    Args:
        places: where the course is.
        words: they may go on after a file's name, as in `tests/unit/test_it.py::test_this`.
    """
    tests, found = places.root / "tests", dict[str, list[str]]()
    for before, word in pairwise(("", *words)):
        if before in _NOT_TO_RUN:
            continue
        path = Path(os.path.normpath(places.root / word.partition("::")[0]))
        if not word.startswith("-") and path.is_relative_to(tests) and path != tests and path.exists():
            found.setdefault(path.relative_to(tests).parts[0], []).append(word)
    return found


def run_parts(
    places: Places, parts: Sequence[Part], extra: Sequence[str], say: Callable[[str], None]
) -> ExitCode:
    """Run one part, or several together, with pytest in a separate process; return whether they passed."""
    name = " and ".join(part.name for part in parts)
    folders = [places.root / "tests" / part.name for part in parts]
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise LabError(
            f"{missing[0]} is missing.",
            remedy="The tests come with a checkout, not with the installed package.",
        )
    if parts[0].program:
        return _run_program(parts[0], places, extra, say)
    several = lanes(parts)
    beside = f"; {several} at the same time" if several > 1 else ""
    say(f"testing {name}: {'; '.join(part.what for part in parts)}{beside}")
    start = time.monotonic()
    seconds = max(part.seconds for part in parts)
    # Beside a file, pytest would run the whole folder as well.
    named = files_named(places, extra)
    chosen = [] if any(part.name in named for part in parts) else map(str, folders)
    command = [sys.executable, "-m", "pytest", *chosen, "--durations=5", "-q"]
    by_lanes = ["--numprocesses", str(several), "--dist", "loadscope"] if several > 1 else []
    one = ["--numprocesses", "1", "--dist", "loadscope"] if several > 1 else []
    try:
        code = _run([*command, *by_lanes, *extra], places, seconds)
        if code == _TESTS_FAILED and all(part.usual for part in parts):
            # The tests share the machine with containers and other programs. A test that fails twice is broken. A test that then
            # passes by itself is unsteady, and its failure is shown above for the person who fixes it.
            say(f"{name}: running the failed tests once more, by themselves")
            again = [*command, *one, *extra, "--last-failed", "--last-failed-no-failures=none"]
            code = _run(again, places, seconds)
            if code == 0:
                say(f"{name}: unsteady. The failures above passed the second time")
    except subprocess.TimeoutExpired:
        say(f"{name} took longer than {seconds} s and was ended")
        return ExitCode.CHECK_FAILED
    say(f"{name} took {time.monotonic() - start:.0f} s")
    # pytest's code 5 means that no test was run, which proves nothing.
    return ExitCode.OK if code == 0 else ExitCode.CHECK_FAILED


def _run(command: Sequence[str], places: Places, seconds: int) -> int:
    # The tests must not use a learner's own folders.
    hidden = {"DRYDOCK_STATE", "DRYDOCK_WORK", "DRYDOCK_COURSE", "PYTEST_ADDOPTS"}
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in hidden and not key.startswith("PYTEST_XDIST")  # its own tests run it too
    }
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in the background so, and the tests' own programs would ignore Ctrl-C too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Many tests read a line that a program of theirs prints and then goes on.
    environment["PYTHONUNBUFFERED"] = "1"
    return subprocess.run(command, cwd=places.root, env=environment, timeout=seconds, check=False).returncode
