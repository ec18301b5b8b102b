"""JupyterLab for a room, in the container of `docker compose up notebooks`: its user, the copies, the address."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from checker.course import places
from checker.errors import ExitCode, LabError
from checker.jupyter import copies, serve, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDERS = Path("/tmp/jupyter")  # noqa: S108 - a container's own, in memory
"""It is removed with the container: each start has another token, unless one is set."""


def socket_of(environment: Mapping[str, str]) -> Path:
    """Return the engine's socket."""
    return Path(environment.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))


def identity(course: Path, socket: Path) -> tuple[int, int, list[int]]:
    """Return the user and group that own the course, and the groups that can use the engine's socket.

    Files that a learner's cells write then belong to the owner of the checkout, not to root.
    """
    owner = course.stat()
    try:
        group = socket.stat()
    except OSError:
        return owner.st_uid, owner.st_gid, []
    usable = stat.S_ISSOCK(group.st_mode) and group.st_mode & stat.S_IWGRP
    return owner.st_uid, owner.st_gid, [group.st_gid] if usable else []


def become_owner(course: Path, socket: Path) -> None:
    """Become the owner of the course; a process that is not root keeps its user."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    user, group, others = identity(course, socket)
    if user == 0:
        return
    os.setgroups(others)
    os.setgid(group)
    os.setuid(user)


def main() -> None:
    """Copy every notebook that has no copy yet, and serve them until a signal stops it."""
    try:
        found = places.find()
        become_owner(found.root, socket_of(os.environ))
        for notebook in copies.shipped(found):
            copies.copy_for(found, notebook)
    except LabError as error:
        print(f"{error.what}\n  -> {error.remedy}", file=sys.stderr)
        raise SystemExit(int(ExitCode.COULD_NOT_RUN)) from None
    serve.serve(
        found.work,
        FOLDERS,
        address=os.environ.get("DRYDOCK_NOTEBOOKS_ADDRESS") or "127.0.0.1",
        port=int(os.environ.get("DRYDOCK_NOTEBOOKS_PORT") or settings.FIRST_PORT),
        say=True,
    )


if __name__ == "__main__":
    main()
