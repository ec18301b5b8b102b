"""Who holds a port of this machine, so that "port taken" comes with a name."""

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
"""What the engine publishes a port on, and where a program of this machine's own usually listens."""


ENGINES_OWN = "docker-proxy"
"""The program that holds published ports for the engine."""

LATE_SECONDS = 10.0
"""How long the engine may take to list a container after it took its port; mostly milliseconds."""


def require_free(engine: Engine, lab: Lab) -> None:
    """Refuse when something that is not this lab's holds a port that its answer will use.

    Raises:
        LabError: names the port and who holds it.
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
                remedy="End that program, then start the lab again.",
            )


def _published(engine: Engine) -> dict[int, dict[str, Any]]:
    return {
        int(port["PublicPort"]): item
        for item in engine.list_all("containers")
        for port in item.get("Ports") or []
        if port.get("PublicPort")
    }


def _told_late(engine: Engine, port: int, who: str) -> tuple[dict[str, Any] | None, str]:
    """Return the container that publishes a port, or else who holds it.

    The engine holds a port a moment before it lists the container that it is starting, and a moment after one ended.
    """
    give_up = time.monotonic() + LATE_SECONDS
    while True:
        holder = _published(engine).get(port)
        who = process_on(port) if holder is None else ""
        if not who or ENGINES_OWN not in who or time.monotonic() >= give_up:
            return holder, who
        time.sleep(0.05)


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
