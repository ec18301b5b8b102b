"""Grade a lab: run its checks in this process and return the Report."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.grading import fixtures
from checker.grading.author import Lab
from checker.grading.container import Shells
from checker.grading.early import Early
from checker.grading.plugin import GradingPlugin
from checker.results import Report
from checker.scene.locks import lab_lock, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.course.catalogue import Lab as CourseLab
    from checker.engine.api import Engine

RUN_SECONDS = 480.0
"""How long all checks of a lab may take together."""

TURN_SECONDS = RUN_SECONDS + 60.0
"""How long a run waits for another run of the same lab: as long as that run and its clean-up may take."""

# pytest's own plugins that a grading run does not need; each costs start-up time.
_UNUSED = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "logging", "pastebin", "recwarn", "setuponly",
    "setupplan", "stepwise", "tmpdir", "monkeypatch", "unittest", "warnings", "unraisableexception",
    "threadexception", "nose", "debugging", "legacypath", "pytester_assertions", "subtests", "skipping", "reports",
)  # fmt: skip


def grade(
    lab: CourseLab,
    engine: Engine,
    work: Path,
    *,
    only: frozenset[str] | None = None,
    seconds: float = RUN_SECONDS,
    shells: Shells | None = None,
    early: Early | None = None,
    to_first_failure: bool = False,
    tell: Callable[[str], None] | None = None,
    first: Callable[[], None] | None = None,
    trying: Callable[[str], None] | None = None,
    looking: bool = False,
) -> Report:
    """Run a lab's checks and return the result of each.

    Only one run of a lab happens at a time: some checks break something, such as a node or a replica, and a second run
    would think that the learner did it.

    Args:
        lab: the lab.
        engine: where its containers run.
        work: the learner's work folder.
        only: ids of the checks to run; the checks that they need run too.
        seconds: the time limit of the whole run.
        shells: shells that stay open from one run to the next, for callers that grade repeatedly; the caller closes them.
        early: early work that has already begun, on the same shells; if left out, it begins here.
        to_first_failure: stop at the first failed check, because the learner sees only that one.
        tell: called with a message if another run has to end first.
        trying: called with the title of each check when it begins.
        looking: whether nobody asked for this verdict; then no check disturbs anything.
        first: called when this run's turn comes; if it raises an error, such as "not started", the run ends.

    Raises:
        LabError: the check files cannot be read or have no check in them; or another run does not end.
    """
    kept = early.shells if early else shells
    begun = early or Early(lab, work, kept or Shells(engine))
    waited = False

    def wait(said: str) -> None:
        nonlocal waited
        waited = True
        if tell:
            tell(said)

    try:
        with locked(
            lab_lock(engine.endpoint.host, lab.number, "check"),
            f"lab check {int(lab.number)}",
            wait=TURN_SECONDS,
            tell=wait,
            needed=False,
        ):
            if waited:
                _begin_again(begun)
            if first:
                first()
            handle = Lab(lab, engine, work, begun.shells, looking=looking)
            return _judge(handle, only, seconds, to_first_failure, trying)
    finally:
        begun.wait()
        begun.shells.untouched.keep()
        if kept is None:
            begun.shells.close()


def _begin_again(early: Early) -> None:
    """Forget the early work, because another run of the lab's checks has ended since."""
    # That run may have killed the containers in which these shells are open.
    early.wait()
    early.shells.close()
    # What was asked ahead is from before that run, which may have changed it.
    early.shells.ahead.forget()
    early.shells.untouched.begin()


def _judge(
    handle: Lab,
    only: frozenset[str] | None,
    seconds: float,
    to_first_failure: bool,
    trying: Callable[[str], None] | None,
) -> Report:
    started = dt.datetime.now(dt.UTC).astimezone()
    clock = time.perf_counter
    begin = clock()
    lab = handle.course_lab
    plugin = GradingPlugin(handle, only, clock, seconds, to_first_failure=to_first_failure, trying=trying)
    checks = lab.folder / "checks"
    if not checks.is_dir():
        raise LabError(
            f"{lab.folder} has no checks/ folder, so there are no checks to run.",
            remedy="Restore the course's files.",
        )
    try:
        said = _run_pytest(plugin, checks)
    finally:
        handle.close()
    if plugin.errors or not plugin.results:
        raise LabError(
            f"The checks of lab {lab.number} cannot be used.",
            remedy="This is a fault of the course, not of your answer.",
            detail="\n".join(plugin.errors) or said.strip() or f"There is no check in {checks}.",
        )
    return Report(
        lab=lab.slug,
        title=lab.toml.title,
        checks=plugin.complete(),
        started=started.isoformat(timespec="milliseconds"),
        ms=round((clock() - begin) * 1000, 1),
        measurements=tuple(handle.measurements),
    )


def _run_pytest(plugin: GradingPlugin, checks: Path) -> str:
    """Run the checks of a folder, and return what pytest printed."""
    said = io.StringIO()
    with _quiet(said, checks.parent):
        code = pytest.main(
            [
                f"--rootdir=${_ROOT}", "-c", os.devnull, f"--confcutdir={checks.parent}", "--import-mode=importlib",
                "--assert=plain", "--capture=no", "-p", "no:terminal",
                *(word for name in _UNUSED for word in ("-p", f"no:{name}")), str(checks),
            ],
            plugins=[plugin, fixtures],
        )  # fmt: skip
    if code == pytest.ExitCode.INTERRUPTED and not plugin.errors:
        raise KeyboardInterrupt
    return said.getvalue()


_ROOT = "PYTEST_ROOT_OF_LAB"
"""pytest replaces variables in `--rootdir`, so a folder with a `$` in its name is given as the value of one."""


@contextlib.contextmanager
def _quiet(said: io.StringIO, root: Path) -> Iterator[None]:
    """Isolate pytest: no plugins of other packages, no output, and no modules of the lab left loaded."""
    before = {
        name: os.environ.get(name)
        for name in ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", _ROOT)
    }
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ[_ROOT] = str(root)
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    modules, path = set(sys.modules), list(sys.path)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        sys.path[:] = path
        # A check file that changed between two runs of `lab watch` must be read again.
        for name in set(sys.modules) - modules:
            if name.split(".")[0] in {"checks", "conftest"} or name.startswith("labs."):
                del sys.modules[name]
