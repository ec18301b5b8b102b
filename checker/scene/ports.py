"""Who holds a port of this machine, so that "port taken" comes with a name."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
"""What the engine publishes a port on, and where a program of this machine's own usually listens."""


def require_free(engine: Engine, lab: Lab) -> None:
    """Refuse when something that is not this lab's holds a port that its answer will use.

    Raises:
        LabError: names the port and who holds it.
    """
    if not lab.ports:
        return
    ours = {item["Id"] for item in owned_containers(engine, lab)}
    published = {
        int(port["PublicPort"]): item
        for item in engine.list_all("containers")
        for port in item.get("Ports") or []
        if port.get("PublicPort")
    }
    for port in lab.ports:
        holder = published.get(port)
        if holder is not None:
            if holder["Id"] in ours:
                continue
            name = holder["Names"][0].lstrip("/")
            other = (holder.get("Labels") or {}).get(LABEL, "")
            whose = f" of lab {other}" if other else ""
            way = f"lab stop {int(other)}" if other.isdecimal() else f"docker stop {name}"
            raise LabError(
                f"Port {port} of this machine, which lab {lab.number} uses, is taken by the container `{name}`{whose}.",
                remedy=f"Stop it (`{way}`), then start the lab again.",
            )
        if engine.endpoint.is_local and (who := process_on(port)):
            raise LabError(
                f"Port {port} of this machine, which lab {lab.number} uses, is taken by {who}.",
                remedy="End that program, then start the lab again.",
            )


def process_on(port: int) -> str:
    """Return who holds a port of this machine, empty when it is free; `another program` when it cannot be told."""
    # Some systems let a listener on every address stand beside one on a single address; each is asked.
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
    """Find the listening process by /proc (Linux); empty elsewhere, or when it is another user's."""
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
                        return f"`{(process / 'comm').read_text().strip()}` (process {process.name})"
    return ""
