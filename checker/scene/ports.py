"""Who uses a port of this machine, so that the message about a port in use can name it."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.engine.api import LABEL
from checker.errors import LabError
from checker.scene.ownership import owned_containers

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.engine.api import Engine


_ADDRESSES = (
    (socket.AF_INET, "0.0.0.0"),  # noqa: S104 - asks whether it is free; nothing listens
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET6, "::"),
)
"""The addresses on which the engine publishes a port, and on which this machine's own programs usually listen."""


ENGINES_OWN = "docker-proxy"
"""The engine's program that listens on published ports."""

PUBLISHERS = (ENGINES_OWN, "rootlessport", "rootlesskit", "com.docker.backend", "vpnkit", "gvproxy", "pasta")
"""Programs that listen on the ports that containers publish: of Docker, rootless Docker and Podman, Docker Desktop."""

LATE_SECONDS = 10.0
"""How long the engine may take to list a container after it has opened its port; usually milliseconds."""


def require_free(engine: Engine, lab: Lab) -> None:
    """Refuse when a container or program outside this lab uses a port that the lab's answer will need.

    Raises:
        LabError: the message names the port and who uses it.
    """
    if not lab.ports:
        return
    published = _published(engine)
    for port in lab.ports:
        holder, who = published.get(port), ""
        if holder is None and engine.endpoint.is_local and (who := process_on(port)):
            holder, who = _told_late(engine, port, who)
        if holder is not None and holder["Id"] not in {item["Id"] for item in owned_containers(engine, lab)}:
            name = holder["Names"][0].lstrip("/")
            other = (holder.get("Labels") or {}).get(LABEL, "")
            whose = f" of lab {other}" if other else ""
            way = f"lab stop {int(other)}" if other.isdecimal() else f"docker stop {name}"
            raise LabError(
                f"Port {port} of this machine, which lab {lab.number} uses, is taken by the container `{name}`{whose}.",
                remedy=f"Stop it (`{way}`), then start the lab again.",
            )
        if who:
            raise LabError(
                f"Port {port} of this machine, which lab {lab.number} uses, is taken by {who}.",
                remedy=f"{way_to_free(who)}, then start the lab again.",
            )


def way_to_free(who: str) -> str:
    """Return what to do about a program that holds a port, as the beginning of a sentence.

    Args:
        who: the program, as `process_on` names it.
    """
    # Linux keeps 15 letters of a program's name.
    if any(f"`{name[:15]}`" in who for name in PUBLISHERS):
        return (
            "It opens ports for a container of another engine, or of one that does not answer or was killed: stop that container "
            "(`docker context ls` lists the engines), or restart that engine"
        )
    return "End that program"


def _published(engine: Engine) -> dict[int, dict[str, Any]]:
    return {
        int(port["PublicPort"]): item
        for item in engine.list_all("containers")
        for port in item.get("Ports") or []
        if port.get("PublicPort")
    }


def _told_late(engine: Engine, port: int, who: str) -> tuple[dict[str, Any] | None, str]:
    """Return the container that publishes a port, or else the program that uses it.

    The engine opens a port a moment before it lists the container that it starts, and closes it a moment after one ends.
    """
    give_up = time.monotonic() + LATE_SECONDS
    while True:
        holder = _published(engine).get(port)
        who = process_on(port) if holder is None else ""
        if not who or ENGINES_OWN not in who or time.monotonic() >= give_up:
            return holder, who
        time.sleep(0.05)


def process_on(port: int) -> str:
    """Return who uses a port of this machine, empty when it is free; `another program` when that is not known."""
    # Some systems allow a listener on all addresses beside one on a single address, so each address is tested.
    for family, address in _ADDRESSES:
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here
        with probe:
            if sys.platform == "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
            except OSError as error:
                if error.errno in {errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", -1)}:
                    return _name_of_listener(port) or "another program"
    return ""


def _name_of_listener(port: int) -> str:
    """Find the listening process in /proc (Linux); empty on other systems, or if it is another user's."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        with contextlib.suppress(OSError):
            for handle in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(handle.readlink()) in inodes:
                        return f"`{(process / 'comm').read_text().strip()}` (PID {process.name})"
    return ""
