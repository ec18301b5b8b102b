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
"""How long a run waits for another one of the same lab: as long as that one may take, and its cleaning up."""

# pytest's own plugins that a grading run has no use for; each costs start-up time.
_UNUSED = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "logging", "pastebin", "recwarn", "setuponly",
    "setupplan", "stepwise", "tmpdir", "monkeypatch", "unittest", "warnings", "unraisableexception",
    "threadexception", "nose", "debugging", "legacypath", "pytester_assertions", "subtests",
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
) -> Report:
    """Run a lab's checks and return how each ended.

    One run of a lab at a time: what a check breaks to see what happens, a node or a copy, another one beside it would
    take for the learner's doing.

    Args:
        lab: the lab.
        engine: where its containers run.
        work: the learner's work folder.
        only: ids of the checks wanted; what they need is run too.
        seconds: the time limit of the whole run.
        shells: shells kept open from one run to the next, for who grades again and again; closed by their owner.
        early: early work that is under way, on the same shells; else it begins here.
        to_first_failure: end at the first failed check; what a learner is told of is known by then.
        tell: told when another run has to end first.
        trying: told the title of each check when it begins.
        first: called when it is this run's turn; what it raises, such as that nothing is started, ends the run.

    Raises:
        LabError: the check files cannot be read, or hold no check; or another run does not end.
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
                # The other run may have lost what these shells were opened in.
                begun.wait()
                begun.shells.close()
            if first:
                first()
            return _judge(lab, engine, work, begun.shells, only, seconds, to_first_failure, trying)
    finally:
        begun.wait()
        if kept is None:
            begun.shells.close()


def _judge(
    lab: CourseLab,
    engine: Engine,
    work: Path,
    shells: Shells,
    only: frozenset[str] | None,
    seconds: float,
    to_first_failure: bool,
    trying: Callable[[str], None] | None,
) -> Report:
    started = dt.datetime.now(dt.UTC).astimezone()
    clock = time.perf_counter
    begin = clock()
    handle = Lab(lab, engine, work, shells)
    plugin = GradingPlugin(handle, only, clock, seconds, to_first_failure=to_first_failure, trying=trying)
    checks = lab.folder / "checks"
    if not checks.is_dir():
        raise LabError(
            f"{lab.folder} has no checks/ folder, so nothing can be judged.",
            remedy="Restore the course's files.",
        )
    said = io.StringIO()
    try:
        with _quiet(said):
            code = pytest.main(
                [
                    f"--rootdir={lab.folder}", "-c", os.devnull, f"--confcutdir={lab.folder}", "--import-mode=importlib",
                    "--assert=plain", "--capture=no", "-p", "no:terminal",
                    *(word for name in _UNUSED for word in ("-p", f"no:{name}")), str(checks),
                ],
                plugins=[plugin, fixtures],
            )  # fmt: skip
    finally:
        handle.close()
    if code == pytest.ExitCode.INTERRUPTED and not plugin.errors:
        raise KeyboardInterrupt
    if plugin.errors or not plugin.results:
        raise LabError(
            f"The checks of lab {lab.number} cannot be used.",
            remedy="This is a fault of the course, not of your answer.",
            detail="\n".join(plugin.errors) or said.getvalue().strip() or f"{checks} holds no check.",
        )
    return Report(
        lab=lab.slug,
        title=lab.toml.title,
        checks=plugin.complete(),
        started=started.isoformat(timespec="milliseconds"),
        ms=round((clock() - begin) * 1000, 1),
        measurements=tuple(handle.measurements),
    )


@contextlib.contextmanager
def _quiet(said: io.StringIO) -> Iterator[None]:
    """Keep pytest to itself: no plugins of other packages, no output, no left-over modules of the lab."""
    before = {
        name: os.environ.get(name)
        for name in ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    }
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
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
        # A check file changed between two runs of `lab watch` is read anew.
        for name in set(sys.modules) - modules:
            if name.split(".")[0] in {"checks", "conftest"} or name.startswith("labs."):
                del sys.modules[name]
