"""The learner's own cluster that was chosen for a lab, and what is stored about the choice until `lab stop`.

Everything is in one folder below `.lab/`, which only the learner may read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checker import whole
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places


@dataclass(frozen=True)
class Wish:
    """The cluster that `lab start` was asked to use.

    Args:
        context: the context in the learner's kubeconfig.
        namespace: the name of the namespace; empty for the default.
        prefix: where the cluster pulls the lab's images from; empty when they come from this machine.
    """

    context: str
    namespace: str = ""
    prefix: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored about the choice until `lab stop`."""

    context: str
    namespace: str
    owner: str
    prefix: str = ""
    files: tuple[str, ...] = ()
    """The kubeconfig files that the context is in."""
    nodes: tuple[str, ...] = ()
    """The nodes that accept pods; empty when the learner may not list nodes."""
    port_taken: bool = False
    """Whether the lab's node port is already in use on the cluster."""
    reads_nodes: bool = False
    server: str = ""
    """The server's address for the lab's containers."""
    server_name: str = ""
    """The name in its certificate."""
    insecure: bool = False

    @property
    def parcel(self) -> str:
        """The name of Parcel's image on this cluster, without a tag."""
        return f"{self.prefix or 'drydock'}/parcel"


def kept(places: Places, lab: Lab) -> Kept | None:
    """Return the choice that applies to a lab, None when it has its own cluster."""
    try:
        return msgspec.json.decode((folder_of(places, lab) / "choice.json").read_bytes(), type=Kept)
    except (FileNotFoundError, NotADirectoryError):
        return (
            None  # a state folder that is not a folder holds no choice; the code that writes there reports it
        )
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None  # nor does one that is a link to itself
        file = folder_of(places, lab) / "choice.json"
        raise LabError(
            f"The choice of lab {lab.number}'s cluster cannot be read: {error}.",
            remedy=f"Allow reading it (`ls -ld {shlex.quote(str(file))}` says who may), and try again.",
        ) from error
    except msgspec.MsgspecError as error:
        raise LabError(
            f"The choice of lab {lab.number}'s cluster cannot be read: {error}.",
            remedy=f"Remove {folder_of(places, lab)}, and the cluster's namespace with the label io.drydock.lab={lab.number}.",
        ) from error


def folder_of(places: Places, lab: Lab) -> Path:
    """Return the folder that stores a lab's choice."""
    return places.state / "elsewhere" / lab.slug


def toolbox_folder(places: Places, lab: Lab) -> Path:
    """Return the folder inside it that the toolbox sees."""
    return folder_of(places, lab) / "toolbox"


def keep(places: Places, lab: Lab, choice: Kept) -> None:
    """Store a choice."""
    write(folder_of(places, lab), {"choice.json": msgspec.json.encode(choice)})


def write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files that nobody else may read, each whole or not at all."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name, content in contents.items():
            whole.write_bytes(folder / name, content, mode=0o600)
    except OSError as error:
        raise not_written(folder, error) from error


def forget(places: Places, lab: Lab) -> None:
    """Remove a lab's choice."""
    shutil.rmtree(folder_of(places, lab), ignore_errors=True)


def owner_of(places: Places) -> str:
    """Return the id of this checkout, so that two learners who share a cluster do not use each other's namespace."""
    file = places.state / "elsewhere" / "owner"
    with contextlib.suppress(OSError):
        if text := file.read_text(encoding="ascii").strip():
            return text
    made = os.urandom(16).hex()
    write(file.parent, {file.name: made.encode()})
    return made
