"""Third-party programs that images need: from this machine, or from a published image."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from checker.errors import LabError
from checker.images.pinned import Pinned
from checker.images.pull import pull

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.images.workshop import Workshop

COPY_SECONDS = 600.0
"""How long copying a program of 150 MB from an image may take on a slow disk; there is no output meanwhile."""

_ELF = {62: "amd64", 183: "arm64", 40: "arm", 3: "386"}
"""Architectures as the engine names them, by the machine number in a Linux program's header (elf.h)."""


class Program(Pinned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A third-party program, and the published image that has it."""

    title: Annotated[str, Meta(min_length=1, description="Its name, as its makers write it.")]
    path: Annotated[str, Meta(pattern="^/", description="The program's path in that image.")]
    setting: Annotated[
        str, Meta(pattern="^DRYDOCK_", description="The variable that names the program on this machine.")
    ]


class MissingProgramError(LabError):
    """An image needs a program that is neither on this machine nor in a registry that can be reached."""


@dataclass(frozen=True)
class Found:
    """A program that was found on this machine."""

    file: Path
    hash: str
    architecture: str
    """As the engine names it, such as `amd64`."""


def find_program(
    name: str, program: Program, kept: Path, environ: Mapping[str, str] | None = None
) -> Found | None:
    """Return a program for Linux on this machine: from its setting, copied from an image before, or from PATH.

    Args:
        name: the program's command, such as `nomad`.
        program: its entry in images.toml.
        kept: the folder of programs that were copied from published images.
        environ: the environment; that of this process if None.

    Raises:
        LabError: the setting names something that is not such a program.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get(program.setting, "").strip():
        found = _look(Path(named).expanduser())
        if found is None:
            raise LabError(
                f"{program.setting} names {named}, which is not a program for Linux.",
                remedy=f"Set it to a {name} program for Linux, or unset it.",
            )
        return found
    on_path = shutil.which(name, path=environ.get("PATH", ""))
    places = (kept_file(name, program, kept), Path(on_path) if on_path else None)
    return next((found for place in places if place and (found := _look(place))), None)


def kept_file(name: str, program: Program, kept: Path) -> Path:
    """Return where a program is kept after it was copied from its published image."""
    version = hashlib.sha256(f"{program.pinned} {program.path}".encode()).hexdigest()[:12]
    return kept / version / name


def take_out(name: str, program: Program, kept: Path, workshop: Workshop) -> Found | None:
    """Pull a program's published image and copy the program from it; None if it cannot be pulled.

    Raises:
        LabError: the image is there, but the program is not in it.
    """
    had = workshop.engine.image(program.pinned) is not None
    if not had and not pull(program.pinned, workshop):
        return None
    file = kept_file(name, program, kept)
    partial = file.with_name(f".{name}.{os.getpid()}")
    file.parent.mkdir(parents=True, exist_ok=True)
    docker = functools.partial(workshop.docker, log=workshop.log("program"), silence=COPY_SECONDS)
    made = docker("create", program.pinned)
    container = made.last_line.strip() if made.ok and made.lines else ""
    try:
        copied = bool(container) and docker("cp", f"{container}:{program.path}", str(partial)).ok
        if copied:
            partial.replace(file)
    finally:
        if container:
            docker("rm", "--force", container)
        if not had:
            # It was pulled only for this file. An image that was there before is not ours to remove.
            docker("image", "rm", program.pinned)
        partial.unlink(missing_ok=True)
    found = _look(file) if copied else None
    if found is None:
        raise LabError(
            f"The program {program.path} could not be copied from {program.image}.",
            remedy=f"Set {program.setting} to a {name} program for Linux.",
        )
    return found


_hashes: dict[tuple[str, int, int], str] = {}


def _look(file: Path) -> Found | None:
    """Return a file as a program, if it is a program for Linux."""
    try:
        with file.open("rb") as stream:
            head = stream.read(20)
            if len(head) < 20 or head[:4] != b"\x7fELF":
                return None
            (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
            stamp = os.fstat(stream.fileno())
            key = (str(file), stamp.st_size, stamp.st_mtime_ns)
            if key not in _hashes:
                stream.seek(0)
                _hashes[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
    return Found(file, _hashes[key], _ELF.get(machine, f"machine {machine}"))
