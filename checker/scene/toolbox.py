"""A scene's toolbox: which container it is, the socket and the work folder that it mounts, and the user that it runs as."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from checker.engine.shell import FolderGoneError, Shell
from checker.errors import LabError
from checker.scene.ownership import scene_containers

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.engine.api import Engine


def toolbox_of(engine: Engine, lab: Lab) -> str:
    """Return the id of a lab's running toolbox.

    Raises:
        LabError: it does not run.
    """
    running = [item for item in scene_containers(engine, lab, "toolbox") if item["State"] == "running"]
    if not running:
        raise LabError(
            f"Lab {lab.number} has no toolbox running.", remedy=f"Start the lab: lab start {int(lab.number)}"
        )
    return str(running[0]["Id"])


def lost_its_folder(engine: Engine, lab: Lab) -> bool:
    """Whether a lab's toolbox mounts a work folder that was deleted since; not if there is no toolbox."""
    try:
        with Shell(engine, toolbox_of(engine, lab)) as shell:
            shell.run(":")
    except FolderGoneError:
        return True
    except LabError:
        return False
    return False


def require_same_engine(engine: Engine, lab: Lab) -> None:
    """Refuse if the toolbox of a lab reaches another engine than `lab` does; over TCP or SSH nothing else ensures it.

    Raises:
        LabError: it is so, or it reaches none.
    """
    host = engine.endpoint.host
    if not host.startswith(("tcp://", "ssh://")):
        return
    # An engine's own id is no help: Podman makes a new one for each answer.
    toolbox = toolbox_of(engine, lab)
    with Shell(engine, toolbox) as shell:
        done = shell.run(f"docker inspect --format '{{{{.Id}}}}' {toolbox} 2>&1", ASK_SECONDS)
    if done.rc == 0 and done.stdout.strip().endswith(toolbox):
        return
    another = "no such" in done.stdout.lower()
    raise LabError(
        f"The toolbox of lab {lab.number} does not reach the engine at {host}: "
        f"{'another engine answers' if another else 'none answers'} at {socket_for_containers(host)} of that machine.",
        remedy="If the engine is on this machine, set DOCKER_HOST to its socket (unix:///PATH). Otherwise let it listen on "
        "/var/run/docker.sock of its machine, too.",
        detail="" if another else done.stdout.strip(),
    )


ASK_SECONDS = 20.0
"""How long the docker command in the toolbox may take to ask its engine."""


def socket_for_containers(host: str) -> str:
    """Return the path of the engine's socket, as a container mounts it.

    Engines in a virtual machine (Docker Desktop, Colima, OrbStack, Rancher Desktop) have it at the usual path inside
    that machine, whatever its path is outside. A Linux engine has it where we found it.
    """
    if host.startswith("unix://") and sys.platform == "linux":
        path = PurePosixPath(host.removeprefix("unix://"))
        # Docker Desktop on Linux too runs its engine in a virtual machine.
        return "/var/run/docker.sock" if ".docker" in path.parts else str(path)
    return "/var/run/docker.sock"


def toolbox_user(host: str) -> tuple[str, str, str]:
    """Return the user, the extra group and the home folder of the toolbox.

    With a system-wide engine on Linux it is the person who runs `lab`, with the group that may use the socket,
    so that files made inside belong to them. Rootless engines and those in a virtual machine map root to the
    person by themselves.
    """
    root = ("0:0", "0", "/root")
    socket = Path(host.removeprefix("unix://"))
    if sys.platform != "linux" or not host.startswith("unix://") or os.geteuid() == 0:
        return root
    try:
        owner = socket.stat()
    except OSError:
        return root
    if owner.st_uid != 0:
        return root
    return f"{os.getuid()}:{os.getgid()}", str(owner.st_gid), "/tmp"  # noqa: S108 - inside the toolbox, nobody else's
