"""Prepares a checkout's Python environment: makes, updates or repairs it, or says why it cannot."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.bootstrap import pip, system
from checker.bootstrap.lock import held
from checker.bootstrap.owner import other_owner, why_not_written
from checker.bootstrap.say import ProblemError, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNFINISHED = "unfinished"
"""A file in the environment while it is being changed: if it is there later, the change was interrupted."""
PLACE = "place"
"""A file in the environment that says for which checkout and Python we made it."""

WHAT = {
    "run.txt": "what the course needs",
    "notebook.txt": "JupyterLab and what notebooks need",
    "class.txt": "what serving a class needs",
    "test.txt": "what the tests need",
    "mutants.txt": "what puts faults into modules, one at a time",
}
"""What the progress line says for each lock."""

_STATE = "DRYDOCK_STATE"
_NOEXEC = "programs cannot be run from its file system (mounted noexec)"
_RUNNABLE = f"Set {_STATE} to a folder on another file system, or move the checkout there."


@dataclass(frozen=True)
class Layout:
    """Where `lab` looks for the environment, so that it and this module use the same places."""

    root: str
    venvs: list[str]
    python_of: Callable[[str], str]
    stamp_of: Callable[[str, str], str]
    glance: Callable[[str, str], str]

    def lock(self, name: str) -> Path:
        """Return a requirements file."""
        return Path(self.root, "requirements", name)


def prepare(layout: Layout, locks: Sequence[str], arguments: Sequence[str]) -> str | int:
    """Return the folder of an environment with everything in the locks, or an exit code after saying why there is none."""
    steps = Steps()
    try:
        venv = _place(layout)
        with held(_lock_file(layout, venv), lambda pid: steps.begin(_waiting(pid))) as descriptor:
            _make_ready(layout, venv, locks, arguments, steps, descriptor)
        steps.end()
    except ProblemError as problem:
        steps.end()
        print(problem, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        steps.end()
        print("lab: interrupted; the next run continues.", file=sys.stderr)
        return 130
    return venv


def _waiting(pid: str) -> str:
    return f"Another lab{f' (process {pid})' if pid else ''} is preparing the environment: waiting for it"


def _place(layout: Layout) -> str:
    """Return where the environment goes: into the checkout, or else into the state folder that the user named."""
    unfit: list[ProblemError] = []
    for venv in layout.venvs:
        folder = Path(venv) if Path(venv).is_dir() else Path(venv).parent
        if os.pathsep in venv and os.name != "nt":
            unfit.append(
                ProblemError(
                    f"{venv} cannot be made: its path has a colon, which separates folders on PATH.",
                    f"Move the checkout to a path without one, or set {_STATE} to such a folder.",
                )
            )
        elif _is_writable(folder):
            if _may_run(folder):
                return venv
            unfit.append(ProblemError(f"{venv} cannot be used: {_NOEXEC}.", _RUNNABLE))
    if unfit:
        raise unfit[-1]
    found = other_owner(Path(layout.venvs[-1]))
    if found and found.in_our_folder:
        why, remedy = why_not_written(layout.venvs[-1], PermissionError(errno.EACCES, ""))
        raise ProblemError(f"{layout.venvs[-1]} cannot be made: {why}.", remedy)
    raise ProblemError(
        f"{layout.venvs[-1]} cannot be made: {Path(layout.venvs[-1]).parent} is read-only for you.",
        "Use your own checkout, or set DRYDOCK_STATE (and DRYDOCK_WORK) to folders that you can write to.",
    )


def _may_run(folder: Path) -> bool:
    """Whether code can be loaded from files in a folder: map a file as code, as the program loader does."""
    if sys.platform != "linux":
        return True
    probe = folder / f".drydock-{os.getpid()}-run"
    try:
        probe.write_bytes(bytes(mmap.PAGESIZE))
        with probe.open("rb") as file:
            mmap.mmap(
                file.fileno(), mmap.PAGESIZE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC
            ).close()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True  # the import at the end finds out
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return True


def _is_writable(folder: Path) -> bool:
    """Whether a file can be written there; permission bits do not show a read-only file system, and root ignores them."""
    probe = folder / f".drydock-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _lock_file(layout: Layout, venv: str) -> Path:
    inside = Path(venv).parent == Path(layout.root)
    folder = Path(layout.root, ".lab") if inside else Path(venv).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why, remedy = why_not_written(folder, error, "DRYDOCK_STATE")
        raise ProblemError(f"{folder} could not be made: {why}.", remedy) from error
    return folder / "environment.lock"


def _make_ready(
    layout: Layout, venv: str, locks: Sequence[str], arguments: Sequence[str], steps: Steps, descriptor: int
) -> None:
    missing = [lock for lock in locks if not _is_good(layout, venv, lock)]
    if not missing:
        return
    python = Path(layout.python_of(venv))
    for lock in missing:
        if not layout.lock(lock).is_file():
            raise ProblemError(
                f"{layout.lock(lock)} is missing.", "The checkout is not complete: clone it again."
            )
    if not _is_sound(layout, venv):
        _create(layout, venv, steps)
    command = pip.find(python) or (system.install_pip(arguments, steps) and pip.find(python))
    if not command:
        raise ProblemError("This Python has no pip (its module ensurepip is missing).", system.remedy())
    marker = Path(venv, UNFINISHED)
    marker.touch()
    for lock in missing:
        steps.begin(f"Installing {WHAT.get(lock, 'more')} (requirements/{lock})")
        try:
            pip.install(command, layout.lock(lock), steps, inherit=descriptor)
        except ProblemError:
            # pip downloads everything before it changes anything, and undoes what fails later. So the environment is
            # as it was, and still works on an offline machine after `git checkout`.
            marker.unlink(missing_ok=True)
            raise
    _require_import(layout, venv)
    for lock in missing:
        _write_stamp(layout, venv, lock)
    marker.unlink()
    steps.end("The Python environment is ready")


def _require_import(layout: Layout, venv: str) -> None:
    """Refuse an environment in which the command does not start."""
    if not Path(layout.root, "checker", "cli", "__init__.py").is_file():
        return
    code = "import msgspec, checker.cli.parser"
    try:
        done = subprocess.run(
            [layout.python_of(venv), "-I", "-c", code],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )
        said = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if not said:
        return
    last = "\n".join(said.splitlines()[-3:])
    if "failed to map segment" in said or "Operation not permitted" in said:
        raise ProblemError(f"{venv} cannot be used: {_NOEXEC}.", _RUNNABLE, last)
    raise ProblemError(
        f"{venv} was made, but lab does not start in it.",
        f"Make it again: rm -r {shlex.quote(venv)}, then lab.",
        last,
    )


def _is_sound(layout: Layout, venv: str) -> bool:
    """Whether packages can be added to the environment: it is finished, was made for this place, and its Python runs."""
    if Path(venv, UNFINISHED).exists():
        return False
    try:
        place = Path(venv, PLACE).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    return place == _place_text(layout, venv)


def _place_text(layout: Layout, venv: str) -> str:
    """Return where the environment is, its checkout and its Python; if one of these changes, it must be made again."""
    return f"{venv}\n{layout.root}\n{_version(layout.python_of(venv))}\n"


def _version(python: str) -> str:
    """Return "cpython 3.11" for a Python; empty if it does not run."""
    code = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _create(layout: Layout, venv: str, steps: Steps) -> None:
    """Make an empty environment that can import the checkout; pip is not installed in it."""
    folder = Path(venv)
    steps.begin(f"Making the Python environment in {venv}")
    try:
        import venv as builder  # noqa: PLC0415 - not every system's Python has it
    except ImportError as error:
        raise ProblemError(
            "This Python cannot make environments: its module venv is missing.", system.remedy()
        ) from error
    try:
        _make_way(layout, folder, steps)
        folder.mkdir(parents=True)
        # First of all: if the rest is interrupted, the environment counts as unfinished.
        Path(folder, UNFINISHED).touch()
        builder.EnvBuilder(symlinks=os.name != "nt").create(folder)
        _packages(folder).joinpath("drydock.pth").write_text(
            # As code, so that a path with any characters works in any locale.
            f"import sys; sys.path.append({layout.root!a})\n",
            encoding="ascii",
        )
        Path(folder, PLACE).write_text(_place_text(layout, venv), encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        why, remedy = why_not_written(folder, error, "DRYDOCK_STATE")
        raise ProblemError(f"{venv} could not be made: {why}.", remedy) from error


def _make_way(layout: Layout, folder: Path, steps: Steps) -> None:
    """Remove an environment that we made; set anything else aside."""
    ours = any((folder / name).exists() for name in (UNFINISHED, PLACE))
    if ours and not folder.is_symlink():
        shutil.rmtree(folder)
    elif folder.is_symlink() or folder.exists():
        aside = (
            _lock_file(layout, str(folder)).parent / f"{folder.name.lstrip('.')}-set-aside-{int(time.time())}"
        )
        folder.rename(aside)
        steps.say(f"{folder} was not made by lab: it is now {aside}")


def _packages(folder: Path) -> Path:
    """Return the folder for packages of an environment."""
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    return next(folder.glob("lib/python3.*/site-packages"))


def _is_good(layout: Layout, venv: str, lock: str) -> bool:
    """Whether the lock is installed, judged by its content; if only file times have changed, renew the stamp."""
    if not _is_sound(layout, venv):
        return False
    try:
        noted = (
            Path(layout.stamp_of(venv, lock))
            .read_text(encoding="utf-8", errors="surrogateescape")
            .partition("\n\n")[2]
            .strip()
        )
        if noted != _digest(layout.lock(lock)):
            return False
        _write_stamp(layout, venv, lock)
    except OSError:
        return False
    return True


def _write_stamp(layout: Layout, venv: str, lock: str) -> None:
    target = Path(layout.stamp_of(venv, lock))
    half = target.with_suffix(".half")
    half.write_text(
        f"{layout.glance(venv, lock)}\n\n{_digest(layout.lock(lock))}\n",
        encoding="utf-8",
        errors="surrogateescape",
    )
    half.replace(target)


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()
