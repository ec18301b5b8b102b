"""Running the project's tests: what each part needs is made first, then pytest runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.course.places import Places


@dataclass(frozen=True)
class Part:
    """One part of the tests, by the folder below tests/ it lives in."""

    name: str
    what: str
    engine: bool
    browser: bool = False
    seconds: int = 1800


PARTS = (
    Part("unit", "no engine, no network", engine=False, seconds=300),
    Part("integration", "the engine, shells, scenes, faults", engine=True),
    Part("course", "every lab through every answer", engine=True, seconds=3600),
    Part("docs", "the commands of every lesson", engine=True),
    Part("browser", "the pages, in a browser", engine=True, browser=True),
)
"""In the order in which they run: the quick ones first."""

_CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


def find_browser() -> str | None:
    """Return a Chromium of this machine: `CHROMIUM`, Debian's, or one on PATH."""
    named = os.environ.get("CHROMIUM")
    places = [*([named] if named else []), *_CHROMIUM]
    found = next((place for place in places if Path(place).is_file()), None)
    return found or shutil.which("chromium") or shutil.which("google-chrome")


def ensure_browser(say: Callable[[str], None], *, no_install: bool) -> None:
    """Install Debian's Chromium where there is none and that can be done without asking.

    Raises:
        LabError: there is none, and it cannot be installed here.
    """
    if find_browser():
        return
    debian = Path("/etc/debian_version").is_file() and shutil.which("apt-get")
    if no_install or not debian or not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise LabError(
            "The browser tests need Chromium.",
            remedy="Install it (Debian: apt-get install chromium), or set CHROMIUM to where it is.",
        )
    from checker.engine import apt  # noqa: PLC0415 - Linux alone has what it imports

    say("installing from the distribution's packages: chromium")
    apt.run(["apt-get", "update"], root=True, progress=say)
    apt.run(
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        root=True,
        progress=say,
    )


def run_part(places: Places, part: Part, extra: Sequence[str], say: Callable[[str], None]) -> ExitCode:
    """Run one part by pytest in a process of its own, and return how it ended."""
    folder = places.root / "tests" / part.name
    if not folder.is_dir():
        raise LabError(
            f"{folder} is missing.", remedy="The tests come with a checkout, not with the installed package."
        )
    say(f"testing {part.name}: {part.what}")
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", str(folder), "--durations=5", "-q", *extra]
    try:
        code = _pytest(command, places, part)
        if code == _TESTS_FAILED and part.engine:
            # Containers share a machine with everything else on it. What fails twice in a row is broken; what
            # passes alone is unsteady, and its name stands above for whoever mends it.
            say(f"{part.name}: what failed runs once more, by itself")
            code = _pytest([*command, "--last-failed", "--last-failed-no-failures=none"], places, part)
            if code == 0:
                say(f"{part.name}: unsteady, see the failures above; they passed the second time")
    except subprocess.TimeoutExpired:
        say(f"{part.name} took longer than {part.seconds} s and was ended")
        return ExitCode.CHECK_FAILED
    say(f"{part.name} took {time.monotonic() - start:.0f} s")
    # pytest's 5 is "no test was run", which proves nothing.
    return ExitCode.OK if code == 0 else ExitCode.CHECK_FAILED


_TESTS_FAILED = 1
"""pytest's exit code when tests ran and some failed."""


def _pytest(command: Sequence[str], places: Places, part: Part) -> int:
    # A learner's own folders are none of the tests' business.
    hidden = {"DRYDOCK_STATE", "DRYDOCK_WORK", "DRYDOCK_COURSE", "PYTEST_ADDOPTS"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    return subprocess.run(
        command, cwd=places.root, env=environment, timeout=part.seconds, check=False
    ).returncode
