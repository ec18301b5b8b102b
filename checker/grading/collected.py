"""A lab's checks as pytest collects them: read once, and run for one verdict after another."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from checker.errors import LabError
from checker.grading import fixtures
from checker.grading.fixtures import LAB
from checker.grading.verdicts import CHECK_SECONDS, MARKS
from checker.results import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from checker.course.catalogue import Lab as CourseLab
    from checker.grading.author import Lab

# pytest's own plugins that a grading run does not need; each costs start-up time.
_UNUSED = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "logging", "pastebin", "recwarn", "setuponly",
    "setupplan", "stepwise", "tmpdir", "monkeypatch", "unittest", "warnings", "unraisableexception",
    "threadexception", "nose", "debugging", "legacypath", "pytester_assertions", "subtests", "skipping", "reports",
)  # fmt: skip

_SECOND = 10**9
"""In nanoseconds."""

_ROOT = "PYTEST_ROOT_OF_LAB"
"""pytest replaces variables in `--rootdir`, so a folder with a `$` in its name is given as the value of one."""


@dataclass(frozen=True)
class Check:
    """One check, as its function declares it."""

    id: str
    title: str
    kind: Kind
    step: int
    needs: tuple[str, ...]
    seconds: float


def read_check(function: Callable[..., object], lab: CourseLab) -> Check:
    """Read what a check's function declares."""
    check_id = function.__name__.removeprefix("test_").replace("_", "-")
    marks = getattr(function, MARKS, {})
    title = (inspect.getdoc(function) or "").strip().partition("\n")[0].rstrip(".")
    return Check(
        id=check_id,
        title=lab.put_in(title) or check_id,
        kind=Kind.GUARD if marks.get("guard") else Kind.GOAL,
        step=lab.step_of(check_id),
        needs=tuple(marks.get("needs", ())),
        seconds=float(marks.get("seconds", CHECK_SECONDS)),
    )


class Collected:
    """The checks of one lab.

    pytest takes longer to start and to collect them than most labs' checks take to run, so a caller that judges again and
    again keeps them. The modules of the checks stay loaded with them.

    Args:
        lab: the lab.

    Raises:
        LabError: the check files cannot be read, do not fit together, or have no check in them.
    """

    def __init__(self, lab: CourseLab) -> None:
        self.lab = lab
        self.checks: dict[str, Check] = {}
        """By id, in the order of the task: guards first, then goals as lab.toml lists them."""
        self._read_as = _stamp(lab.folder / "checks")
        self._modules: dict[str, Any] = {}
        self._items: dict[str, pytest.Item] = {}
        reader = _Reader(lab.folder / "checks")
        said = io.StringIO()
        with self._modules_loaded(), _alone(said, lab.folder), _bytecode_of_old_files_only(self._read_as):
            code = pytest.main(
                [
                    f"--rootdir=${_ROOT}", "-c", os.devnull, f"--confcutdir={lab.folder}", "--import-mode=importlib",
                    "--assert=plain", "--capture=no", "-p", "no:terminal",
                    *(word for name in _UNUSED for word in ("-p", f"no:{name}")), str(lab.folder / "checks"),
                ],
                plugins=[reader, fixtures],
            )  # fmt: skip
        if code == pytest.ExitCode.INTERRUPTED and not reader.errors:
            raise KeyboardInterrupt
        errors = reader.errors or (self._arrange(reader.session.items) if reader.session else [])
        if errors or not self.checks or reader.session is None:
            raise LabError(
                f"The checks of lab {lab.number} cannot be used.",
                remedy="This is a fault of the course, not of your answer.",
                detail="\n".join(errors)
                or said.getvalue().strip()
                or f"There is no check in {lab.folder / 'checks'}.",
            )
        self._session = reader.session

    def is_of(self, lab: CourseLab) -> bool:
        """Whether these are the checks of this lab, as its files are now."""
        return lab == self.lab and _stamp(lab.folder / "checks") == self._read_as

    def planned(self, wanted: Collection[str] | None) -> list[Check]:
        """Return what has to run, in order: these checks, what they need, and the guards; None is all of them."""
        if wanted is None:
            return list(self.checks.values())
        found: set[str] = set()
        todo = [check for check in wanted if check in self.checks]
        while todo:
            if (name := todo.pop()) not in found:
                found.add(name)
                todo += self.checks[name].needs
        return [check for check in self.checks.values() if check.kind is Kind.GUARD or check.id in found]

    @contextlib.contextmanager
    def ready_for(self, handle: Lab, checks: Collection[Check]) -> Iterator[list[pytest.Item]]:
        """Yield what pytest made of these checks, ready to run on a lab; after it, nothing is left that a fixture set up.

        Args:
            handle: what the fixtures hand to the checks.
            checks: the checks.
        """
        items = [self._items[check.id] for check in checks]
        self._session.config.stash[LAB] = handle
        for item in items:
            cast("pytest.Function", item)._initrequest()  # noqa: SLF001 - what makes an item run again; pytest-rerunfailures does so
        try:
            with self._modules_loaded():
                try:
                    yield items
                finally:
                    self._session._setupstate.teardown_exact(None)  # noqa: SLF001 - nothing is left of a run that was interrupted
        finally:
            self._forget()

    @contextlib.contextmanager
    def _modules_loaded(self) -> Iterator[None]:
        """Load the modules of the checks, whose names are the same in every lab, and nothing else of theirs."""
        before, path = set(sys.modules), list(sys.path)
        sys.modules.update(self._modules)
        try:
            yield
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - before:
                if name.split(".")[0] in {"checks", "conftest"} or name.startswith("labs."):
                    self._modules[name] = sys.modules.pop(name)

    def _forget(self) -> None:
        # What a check keeps with functools.cache is of one verdict.
        for module in self._modules.values():
            for value in vars(module).values():
                if clear := getattr(value, "cache_clear", None):
                    clear()

    def _arrange(self, items: list[pytest.Item]) -> list[str]:
        """Bring the checks in order, and return how they do not fit together or with lab.toml."""
        errors: list[str] = []
        found: dict[str, Check] = {}
        for item in items:
            check = read_check(cast("pytest.Function", item).function, self.lab)
            if check.id in found:
                errors.append(f"Two checks are named {check.id}.")
            found[check.id], self._items[check.id] = check, item
        guards = [check.id for check in found.values() if check.kind is Kind.GUARD]
        ids = self.lab.check_ids
        if missing := [name for name in ids if name not in found or name in guards]:
            errors.append(f"lab.toml lists checks that no test defines: {', '.join(missing)}.")
        if extra := [name for name in found if name not in ids and name not in guards]:
            errors.append(f"These checks belong to no step in lab.toml: {', '.join(extra)}.")
        self.checks = {name: found[name] for name in (*guards, *ids) if name in found}
        met: set[str] = set()
        for check in self.checks.values():
            if unknown := [name for name in check.needs if name not in found]:
                errors.append(f"Check {check.id} needs {', '.join(unknown)}, which no test defines.")
            if late := [name for name in check.needs if name in self.checks and name not in met]:
                errors.append(f"Check {check.id} needs {', '.join(late)}, which does not come before it.")
            met.add(check.id)
        return errors


class _Reader:
    """A plugin that lets pytest collect the checks in a folder, and run none of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.session: pytest.Session | None = None
        """With the checks, once they are collected."""
        self.errors: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        """Name the folder by what the course calls it: in a whole path, pytest takes a [ for the parameters of a test."""
        config.invocation_params = dataclasses.replace(config.invocation_params, dir=self._folder.parent)
        config.args = [self._folder.name]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what went wrong while reading the check files."""
        if report.failed:
            self.errors.append(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the session, whose checks run later."""
        self.session = session
        return True


def _stamp(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Return what changes when a file in a folder changes."""
    found = set()
    for file in folder.rglob("*.*"):
        # Another `lab` may be writing bytecode, and an editor its temporary files: these come and go.
        if file.parent.name != "__pycache__":
            with contextlib.suppress(FileNotFoundError):
                status = file.stat()
                found.add((str(file), status.st_mtime_ns, status.st_size))
    return frozenset(found)


@contextlib.contextmanager
def _bytecode_of_old_files_only(stamp: frozenset[tuple[str, int, int]]) -> Iterator[None]:
    """Let Python keep no bytecode of files that may still change unseen.

    Python knows the bytecode of a file by the file's size and the second of its last change, so a second change in that
    second would not be read.
    """
    before, newest = sys.dont_write_bytecode, max((changed for _, changed, _ in stamp), default=0)
    sys.dont_write_bytecode = before or time.time_ns() // _SECOND <= newest // _SECOND
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _working_folder() -> Path | None:
    """Return the folder in which this process is; None if it was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _alone(said: io.StringIO, root: Path) -> Iterator[None]:
    """Isolate pytest: no plugins of other packages, no settings of the learner's, no output, and no other working folder."""
    here = _working_folder()
    before = {
        name: os.environ.get(name)
        for name in ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", _ROOT)
    }
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ[_ROOT] = str(root)
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        # At its end, pytest goes to the folder in which it was told to begin.
        if here:
            with contextlib.suppress(OSError):
                os.chdir(here)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
