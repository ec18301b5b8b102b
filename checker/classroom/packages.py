"""The packages that a bundle brings: the locks that the machines of a room need, and the wheels that these locks name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from checker.bootstrap import pip
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checker.classroom.platforms import Platform
    from checker.session.session import Session

LOCKS = ("run.txt", "class.txt")
"""The locks whose packages are carried: what the course needs, and what serving a class needs."""

PIP_SECONDS = 1800.0

LAST_PATCH = 99
"""A patch release that is later than all there will be."""


def locks_for(text: str, platform: Platform, python: str) -> dict[str, str]:
    """Return the locks that machines of one kind need, by the full version of Python.

    There are two if a marker tells early patch releases from late ones.
    """
    first, last = f"{python}.0", f"{python}.{LAST_PATCH}"
    found = {version: lock_for(text, platform, version) for version in (last, first)}
    return found if found[first] != found[last] else {last: found[last]}


def lock_for(text: str, platform: Platform, python: str) -> str:
    """Return a lock with only what one machine needs: its markers decided, its hashes kept.

    Args:
        text: the lock.
        platform: the machine's platform.
        python: its full version of Python, such as 3.12.4.

    Raises:
        LabError: the lock cannot be read.
    """
    environment = {
        **dict(platform.marker),
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    kept = []
    for entry in text.replace("\\\n", " ").splitlines():
        line = entry.partition(" #")[0].strip()
        if not line or line.startswith(("#", "-")):
            continue
        spec, *hashes = line.split(" --hash=")
        try:
            required = Requirement(spec.strip())
        except InvalidRequirement as error:
            raise LabError(f"A lock has a line that cannot be read: {spec[:80]}.") from error
        if required.marker is None or required.marker.evaluate(environment):
            kept.append(
                " ".join(
                    [f"{required.name}{required.specifier}", *(f"--hash={each.strip()}" for each in hashes)]
                )
            )
    return "\n".join(kept) + "\n"


def fetch_wheels(
    session: Session, platforms: Iterable[Platform], pythons: Iterable[str], folder: Path
) -> list[Path]:
    """Fetch the packages of the locks for some machines, each checked against its hash, and return the files.

    What is in the folder from an earlier run is not fetched again.

    Raises:
        LabError: one was not found for a platform; the message says which.
    """
    command = pip.find(Path(sys.executable))
    if command is None:
        raise LabError("This Python has no pip.", remedy="Install the package python3-pip or python3-venv.")
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [(platform, python) for platform in platforms for python in pythons]
    for platform, python in chosen:
        for name in LOCKS:
            session.say(f"packages of {name} for {platform.name}, Python {python}")
            text = (session.places.root / "requirements" / name).read_text("utf-8")
            for version, needed in locks_for(text, platform, python).items():
                lock = folder.parent / f"{platform.name}-{version}-{name}"
                lock.write_text(needed, encoding="utf-8")
                _download(command, lock, platform, version, folder)
    for wheel in pip.wheels()[:1]:
        # A Python without pip of its own (Debian's without python3-venv) installs with this one.
        shutil.copy2(wheel, folder / wheel.name)
    return sorted(folder.glob("*.whl"))


def _download(command: Sequence[str], lock: Path, platform: Platform, python: str, folder: Path) -> None:
    words = [
        *command, "download", "--require-hashes", "--no-deps", "--only-binary=:all:", "--progress-bar", "off",
        "--implementation", "cp", "--python-version", python, "--dest", str(folder), "--find-links", str(folder),
        *(word for tag in platform.tags for word in ("--platform", tag)), "--requirement", str(lock),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            words,
            env=pip.environment(os.environ, pip.configuration(command, lock.parent)),
            cwd=lock.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(
            "The packages were not fetched in time.", remedy="Run it again: it continues where it stopped."
        ) from error
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-6:])
        raise LabError(
            f"A package for {platform.name} and Python {python} could not be fetched.",
            remedy="Check the network, and run it again: it continues where it stopped.",
            detail=last,
        )
