"""Which of its image's files were changed in a container: edited, added, removed, or mounted over."""

from __future__ import annotations

import contextlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from checker.engine.api import NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROGRAMS = ("/app", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt")
"""Where images keep programs and the code that these load."""

SETTINGS = ("/etc",)
"""Where images keep settings; the engine itself puts a few of its own files there."""

CODE_VARIABLES = frozenset(
    {
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONPYCACHEPREFIX",
        "PYTHONUSERBASE",
    }
)
"""Variables that make a program load other code than its image's."""


_LOADED = re.compile(
    r"/etc(/passwd|/python\d[^/]*(/.*)?|/ld\.so\.[^/]*(/.*)?)?|(/.*)?/\.local(/lib(/python.*)?)?"
)
"""What names code for programs to load: Python's sitecustomize.py, the linker's lists, and a user's own packages at home."""

_OF_A_USER = re.compile(r"(/.*)?/\.local/lib/python.*")
"""Where Python looks for packages of the user that it runs as, in whatever folder is that user's home."""


class Engine(Protocol):
    """An engine that can be asked: the learner's, or one of a scene's nodes."""

    def get(self, path: str) -> Any:
        """GET a path of its API and return the decoded JSON."""


class Requests(Protocol):
    """An engine that can be sent any request."""

    def request(self, method: str, path: str, *, query: Mapping[str, Any], raw: bool) -> Any:
        """Send one request to its API."""


class Container(Protocol):
    """A container that an engine knows."""

    @property
    def id(self) -> str:
        """Its full id."""

    @property
    def mounts(self) -> list[dict[str, Any]]:
        """Its mounts, as the engine's inspect record has them."""

    @property
    def attrs(self) -> dict[str, Any]:
        """The engine's inspect record."""


def changed(
    engine: Engine, container: Container, places: Iterable[str] = (*PROGRAMS, *SETTINGS)
) -> list[str]:
    """Return which of the image's files were changed in a container, as `docker diff` prints them.

    Left out are folders that changed only because something in them did, files that Python compiles for itself, and
    the places that the engine creates to mount something there.

    Args:
        engine: the engine that runs it.
        container: the container.
        places: the folders to look at.
    """
    entries = engine.get(f"/containers/{container.id}/changes") or []
    paths = [(int(entry["Kind"]), PurePosixPath(entry["Path"])) for entry in entries]
    mounted = {PurePosixPath(str(mount["Destination"])) for mount in container.mounts}
    folders = {parent for _, path in paths for parent in path.parents}
    folders |= {parent for path in mounted for parent in (path, *path.parents)}
    return [
        f"{'CAD'[kind]} {path}"
        for kind, path in paths
        if path not in folders
        and (any(path.is_relative_to(place) for place in places) or _OF_A_USER.fullmatch(str(path)))
        and not (kind == 1 and "__pycache__" in path.parts)
        and str(path) != "/etc/mtab"
        # Podman puts its own files there, and reports only the folder.
        and (kind, str(path)) != (0, "/etc")
        and path.name != "docker-init"  # what --init puts there
    ]


def mounted_over(container: Container, places: Iterable[str] = PROGRAMS) -> list[str]:
    """Return what is mounted over the image's programs in a container, and where each mount comes from."""
    return [
        _mounted(mount, mount["Destination"])
        for mount in container.mounts
        if _LOADED.fullmatch(str(PurePosixPath(mount["Destination"])))
        or any(
            PurePosixPath(str(mount["Destination"])).is_relative_to(place)
            or PurePosixPath(place).is_relative_to(str(mount["Destination"]))
            for place in places
        )
    ]


def at_home(engine: Requests, container: Container) -> list[str]:
    """Return the packages of a user that a container's mounts bring along: Python loads them if one of these is its user's home."""
    found = []
    for mount in container.mounts:
        place = f"{mount['Destination']}/.local/lib"
        # There is no such folder, or the mount is a file.
        with contextlib.suppress(NotFoundError, RefusedError):
            engine.request("HEAD", f"/containers/{container.id}/archive", query={"path": place}, raw=True)
            found.append(_mounted(mount, place))
    return found


def _mounted(mount: Mapping[str, Any], place: str) -> str:
    return f"{place} is mounted from {mount.get('Name') or mount.get('Source') or mount.get('Type')}"


def loads_other_code(container: Container, of_the_image: Iterable[str] = ()) -> list[str]:
    """Return the variables, with their values, that make a container's program load other code."""
    given = set(container.attrs["Config"].get("Env") or []) - set(of_the_image)
    return sorted(pair for pair in given if pair.partition("=")[0] in CODE_VARIABLES)
