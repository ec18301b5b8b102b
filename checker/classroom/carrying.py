"""A bundle for a room: the course, its packages for the platforms of the room, its images and pages, in one file that runs."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from checker.bootstrap import pip
from checker.classroom.stick import unpack
from checker.errors import LabError, MisuseError, not_written

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checker.course.catalogue import Lab
    from checker.session.session import Session

LOCKS = ("run.txt", "class.txt")
"""The locks whose packages are carried: what the course needs, and what serving a class needs."""

PIP_SECONDS = 1800.0

STAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive: the oldest that a ZIP can say. So equal contents are equal bytes."""


@dataclass(frozen=True)
class Platform:
    """A kind of machine in a room.

    Args:
        name: what it is called here.
        tags: the tags of wheels that it takes.
        marker: what the markers of requirements ask for.
    """

    name: str
    tags: tuple[str, ...]
    marker: tuple[tuple[str, str], ...]


def _marker(system: str, machine: str) -> tuple[tuple[str, str], ...]:
    names = {"Linux": ("linux", "posix"), "Darwin": ("darwin", "posix"), "Windows": ("win32", "nt")}
    return (
        ("platform_system", system),
        ("sys_platform", names[system][0]),
        ("os_name", names[system][1]),
        ("platform_machine", machine),
    )


def _linux(machine: str) -> tuple[str, ...]:
    return (*(f"manylinux_2_{minor}_{machine}" for minor in (34, 28, 17)), f"manylinux2014_{machine}")


PLATFORMS = {
    each.name: each
    for each in (
        Platform("linux-x86_64", _linux("x86_64"), _marker("Linux", "x86_64")),
        Platform("linux-aarch64", _linux("aarch64"), _marker("Linux", "aarch64")),
        Platform("macos-arm64", ("macosx_14_0_arm64", "macosx_14_0_universal2"), _marker("Darwin", "arm64")),
        Platform(
            "macos-x86_64", ("macosx_14_0_x86_64", "macosx_14_0_universal2"), _marker("Darwin", "x86_64")
        ),
        Platform("windows-amd64", ("win_amd64",), _marker("Windows", "AMD64")),
    )
}
"""The machines that a bundle can be for."""

LAST_PATCH = 99
"""A patch release that is later than all there will be."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def this_platform() -> str:
    """Return the name of this machine's platform."""
    import platform  # noqa: PLC0415 - asked once

    machine = platform.machine().lower()
    system = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}.get(platform.system(), "")
    return next((name for name in PLATFORMS if name == f"{system}-{machine}"), "linux-x86_64")


def wanted(platforms: str, pythons: str) -> tuple[list[Platform], list[str]]:
    """Read lists with commas of platforms and of versions of Python; empty ones mean this machine's.

    Raises:
        MisuseError: one is not known; the message lists those that are.
    """
    names = [each.strip() for each in platforms.split(",") if each.strip()] or [this_platform()]
    versions = [each.strip() for each in pythons.split(",") if each.strip()] or [
        f"{sys.version_info.major}.{sys.version_info.minor}"
    ]
    if unknown := [name for name in names if name not in PLATFORMS]:
        raise MisuseError(
            f"There is no platform `{unknown[0]}`.", remedy=f"Platforms: {', '.join(PLATFORMS)}."
        )
    if unknown := [version for version in versions if version not in PYTHONS]:
        raise MisuseError(
            f"`{unknown[0]}` is no version of Python for the course.", remedy=f"Use {', '.join(PYTHONS)}."
        )
    return [PLATFORMS[name] for name in names], versions


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
            "The packages were not fetched in time.", remedy="Run it again: it goes on where it was."
        ) from error
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-6:])
        raise LabError(
            f"A package for {platform.name} and Python {python} could not be fetched.",
            remedy="Check the network, and run it again: it goes on where it was.",
            detail=last,
        )


def folder_archive(folder: Path, file: Path) -> None:
    """Write every file of a folder into an archive.

    Raises:
        LabError: it cannot be written.
    """
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    _archive(folder, names, file)


def course_archive(root: Path, file: Path) -> None:
    """Write the course's files into an archive: those that git knows, without anything of a learner's.

    Raises:
        LabError: this is no checkout of git, or the archive cannot be written.
    """
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise LabError(
            f"{root} is no checkout of git, so its files cannot be told from yours.",
            remedy="Make the bundle in a clone of the course.",
        )
    _archive(root, filter(None, os.fsdecode(done.stdout).split("\0")), file)


def _archive(root: Path, names: Iterable[str], file: Path) -> None:
    try:
        with tarfile.open(file, "w") as archive:
            for name in sorted(names):
                path = root / name
                if not path.is_file() or path.is_symlink():
                    continue
                header = tarfile.TarInfo(name)
                header.size = path.stat().st_size
                header.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                with path.open("rb") as stream:
                    archive.addfile(header, stream)
    except OSError as error:
        raise not_written(file, error) from error


class Part(msgspec.Struct, frozen=True):
    """One file of a bundle."""

    size: int
    sha256: str


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a bundle; its program reads this with the standard library alone."""

    format: int
    made: str
    labs: tuple[str, ...]
    platforms: tuple[str, ...]
    pythons: tuple[str, ...]
    parts: dict[str, Part]


def write(
    file: Path, parts: dict[str, Path], labs: Sequence[str], platforms: Sequence[str], pythons: Sequence[str]
) -> Contents:
    """Write a bundle, whole or not at all: a ZIP that Python runs.

    Args:
        file: the bundle; its name should end in .pyz.
        parts: the files, by their names in the bundle.
        labs: the slugs of the labs whose images are in it.
        platforms: the platforms whose packages are in it.
        pythons: the versions of Python.

    Raises:
        LabError: it cannot be written; then there is no half of it.
    """
    half = file.with_name(f".{file.name}.part")
    sums = {}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as stream:
            stream.write(b"#!/usr/bin/env python3\n")
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                _add(archive, "__main__.py", Path(unpack.__file__))
                for name, path in sorted(parts.items()):
                    with path.open("rb") as source:
                        sums[name] = Part(
                            path.stat().st_size, hashlib.file_digest(source, "sha256").hexdigest()
                        )
                    _add(archive, name, path)
                contents = Contents(
                    format=unpack.FORMAT,
                    made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                    labs=tuple(labs),
                    platforms=tuple(platforms),
                    pythons=tuple(pythons),
                    parts=sums,
                )
                archive.writestr(zipfile.ZipInfo(unpack.CONTENTS, STAMP), msgspec.json.encode(contents))
        half.replace(file)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise LabError(
            f"{file} could not be written: {error.strerror or error}.",
            remedy="Free some space, or name another disk. A file of more than 4 GB needs exFAT, not FAT32.",
        ) from error
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    return contents


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = zipfile.ZipInfo(name, STAMP)
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, io.DEFAULT_BUFFER_SIZE * 16)


def images_of(session: Session, labs: Iterable[Lab], file: Path) -> list[str]:
    """Write the images of some labs into a bundle of images, unless the one that is there has exactly them; return their names.

    Raises:
        LabError: one is missing and cannot be made, or the file cannot be written.
    """
    from checker.images import bundle  # noqa: PLC0415 - a bundle without images needs no engine
    from checker.images.catalogue import Images  # noqa: PLC0415
    from checker.images.store import Store  # noqa: PLC0415
    from checker.images.supply import ensure, locked  # noqa: PLC0415

    images = Images(session.places.root).resolve(dict.fromkeys(name for lab in labs for name in lab.images))
    ensure([image.short for image in images], session.say, places=session.places, engine=session.engine)
    store = Store(session.engine)
    store.refresh()
    if file.is_file():
        try:
            there = {(each.reference, each.id) for each in bundle.read_manifest(file).images}
        except LabError:
            there = set()
        if there == {(image.reference, stored.id) for image in images if (stored := store.current(image))}:
            session.say("the images are the same as in the last bundle")
            return [image.short for image in images]
    with locked(session.places, store, session.client, session.say, no_install=True) as supply:
        bundle.save(images, file, store, supply.workshop)
    return [image.short for image in images]


def carry(
    session: Session,
    labs: Sequence[Lab],
    file: Path,
    platforms: Sequence[Platform],
    pythons: Sequence[str],
    *,
    images: bool = True,
    pages: bool = True,
) -> Contents:
    """Make a bundle for a room. What an interrupted run has fetched is kept in the state folder and used again.

    Args:
        session: the course.
        labs: the labs whose images are carried.
        file: the bundle.
        platforms: the machines of the room.
        pythons: their versions of Python.
        images: whether images are carried; they are for this engine's platform.
        pages: whether the built pages are carried.

    Raises:
        LabError: something of it was not found, or cannot be written.
    """
    stage = session.places.state / "room-bundle"
    try:
        stage.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(stage, error) from error
    parts = {"course.tar": stage / "course.tar"}
    course_archive(session.places.root, parts["course.tar"])
    parts |= {
        f"wheels/{wheel.name}": wheel for wheel in fetch_wheels(session, platforms, pythons, stage / "wheels")
    }
    if pages:
        from checker.site import build  # noqa: PLC0415 - not every bundle has pages

        session.say("building the pages")
        build.build(session.places)
        parts["pages.tar"] = stage / "pages.tar"
        folder_archive(build.html(session.places), parts["pages.tar"])
    if images:
        parts["images/room.tar.gz"] = stage / "room.tar.gz"
        images_of(session, labs, parts["images/room.tar.gz"])
    session.say(f"writing {file}")
    return write(file, parts, [lab.slug for lab in labs], [each.name for each in platforms], pythons)
