"""A bundle for a room: the course, its packages for the platforms of the room, its images and pages, in one file that runs."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checker.classroom.packages import fetch_wheels
from checker.classroom.stick import unpack
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checker.classroom.platforms import Platform
    from checker.course.catalogue import Lab
    from checker.session.session import Session

STAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive: the oldest that a ZIP can say. So equal contents are equal bytes."""


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
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        contents = Contents(
            format=unpack.FORMAT,
            made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            labs=tuple(labs),
            platforms=tuple(platforms),
            pythons=tuple(pythons),
            parts={name: _part(path) for name, path in sorted(parts.items())},
        )
        with half.open("wb") as stream:
            stream.write(b"#!/usr/bin/env python3\n")
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                _add(archive, "__main__.py", Path(unpack.__file__))
                for name in contents.parts:
                    _add(archive, name, parts[name])
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


def _part(path: Path) -> Part:
    with path.open("rb") as source:
        return Part(path.stat().st_size, hashlib.file_digest(source, "sha256").hexdigest())


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
