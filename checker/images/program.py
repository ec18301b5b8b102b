"""Programs that images need and the course does not make: this machine's own, or out of a published image."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from checker.errors import LabError
from checker.images import process
from checker.images.pull import pull

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.images.base import Workshop

COPY_SECONDS = 600.0
"""How long a program of 150 MB may take out of an image, on a slow disk; nothing is told meanwhile."""

_ELF = {62: "amd64", 183: "arm64", 40: "arm", 3: "386"}
"""Machines by their number in a Linux program's header (elf.h), as the engine names architectures."""


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that somebody else makes."""

    title: Annotated[str, Meta(min_length=1, description="Its name, as its makers write it.")]
    image: Annotated[str, Meta(min_length=1, description="The published image that has it, with its tag.")]
    digest: Annotated[
        str,
        Meta(
            pattern="^(sha256:[0-9a-f]{64})?$",
            description="The digest of its multi-platform index; empty pulls by tag.",
        ),
    ] = ""
    path: Annotated[str, Meta(pattern="^/", description="Where the program lies in that image.")]
    setting: Annotated[
        str, Meta(pattern="^DRYDOCK_", description="The variable that names the machine's own.")
    ]

    @property
    def pinned(self) -> str:
        """The published image as it is pulled: by digest where there is one."""
        return f"{self.image}@{self.digest}" if self.digest else self.image


class MissingProgramError(LabError):
    """An image needs a program that neither this machine nor a registry gives."""


@dataclass(frozen=True)
class Found:
    """A program that is at hand."""

    file: Path
    hash: str
    architecture: str
    """As the engine names it, such as `amd64`."""


def find_program(
    name: str, program: Program, kept: Path, environ: Mapping[str, str] | None = None
) -> Found | None:
    """Return a program for Linux that is at hand: the one that its setting names, one taken out before, or on PATH.

    Args:
        name: the program's command, such as `nomad`.
        program: what images.toml says of it.
        kept: the folder of programs taken out of published images.
        environ: the environment; this process's own when None.

    Raises:
        LabError: the setting names something that is no such program.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get(program.setting, "").strip():
        found = _look(Path(named).expanduser())
        if found is None:
            raise LabError(
                f"{program.setting} names {named}, which is no program for Linux.",
                remedy=f"Let it name a {name} program for Linux, or unset it.",
            )
        return found
    on_path = shutil.which(name, path=environ.get("PATH", ""))
    places = (kept_file(name, program, kept), Path(on_path) if on_path else None)
    return next((found for place in places if place and (found := _look(place))), None)


def kept_file(name: str, program: Program, kept: Path) -> Path:
    """Return where a program is kept once it was taken out of its published image."""
    version = hashlib.sha256(f"{program.pinned} {program.path}".encode()).hexdigest()[:12]
    return kept / version / name


def take_out(name: str, program: Program, kept: Path, workshop: Workshop) -> Found | None:
    """Pull a program's published image and take the program out of it; None when it cannot be pulled.

    Raises:
        LabError: the image is there, but the program is not in it.
    """
    had = workshop.engine.image(program.pinned) is not None
    if not had and not pull(program.pinned, workshop.client, workshop.folder, workshop.say):
        return None
    file = kept_file(name, program, kept)
    partial = file.with_name(f".{name}.{os.getpid()}")
    file.parent.mkdir(parents=True, exist_ok=True)
    made = _docker(workshop, "create", program.pinned)
    container = made.lines[-1].strip() if made.code == 0 and made.lines else ""
    try:
        copied = (
            bool(container) and not _docker(workshop, "cp", f"{container}:{program.path}", str(partial)).code
        )
        if copied:
            partial.replace(file)
    finally:
        if container:
            _docker(workshop, "rm", "--force", container)
        if not had:
            # It came for this one file; what was there before is somebody's.
            _docker(workshop, "image", "rm", program.pinned)
        partial.unlink(missing_ok=True)
    found = _look(file) if copied else None
    if found is None:
        raise LabError(
            f"{program.image} has no program {program.path} that could be taken out.",
            remedy=f"Let {program.setting} name a {name} program for Linux.",
        )
    return found


_hashes: dict[tuple[str, int, int], str] = {}


def _look(file: Path) -> Found | None:
    """Return a file as a program, if it is one for Linux."""
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


def _docker(workshop: Workshop, *words: str) -> process.Ended:
    with contextlib.suppress(OSError):
        workshop.folder.mkdir(parents=True, exist_ok=True)
    return process.run(
        workshop.client.command(*words),
        workshop.folder / "program.log",
        silence=COPY_SECONDS,
        environment=workshop.client.environment(),
    )
