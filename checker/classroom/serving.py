"""The process that holds a class: one listener for the network, one for the teacher's page, both ended by one signal."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import ssl
import sys
from asyncio import sslproto
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from checker import whole
from checker.classroom import identity, roster
from checker.classroom.board import Board
from checker.classroom.doors import lan
from checker.classroom.known import know
from checker.classroom.protocol import Invitation
from checker.classroom.register import REGISTER, Register
from checker.classroom.room import Room
from checker.errors import LabError, MisuseError, not_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from starlette.types import ASGIApp

    from checker.classroom.shelf import Shelf
    from checker.course.catalogue import Catalogue

FIRST_PORT = 8443
END_SECONDS = 3

TLS_BUFFER = 16 * 1024
"""How many bytes asyncio sets aside for each TLS connection, and reads at most at a time: one record (RFC 8446, 5.1). Its own
256 KiB are 128 MB for 500 learners."""


class _Kept(msgspec.Struct):
    """Where the class was last, so that a restarted one is found at the same place."""

    port: int


@dataclass(frozen=True)
class Opened:
    """A class that is being served."""

    invitation: Invitation
    board: str
    """The address of the teacher's page, with its token behind the `#`, which is not sent to any server."""
    name: str
    key_pin: str
    """The SHA-256 of the server's public key in base64, by which curl knows it."""
    own_values: bool = False
    """Whether each learner has values of their own."""

    @property
    def projector(self) -> str:
        """The address of the page that everybody in the room sees, for a window of its own."""
        return self.board.replace("/#", "/projector#")


def address_of_room() -> str:
    """Return this machine's address on the network that it reaches others by; loopback if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: an address of RFC 5737 is only looked up in the routes.
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def listen(address: str, port: int, tries: int = 20) -> socket.socket:
    """Return a socket that listens on an address, on a port or one of the next.

    Raises:
        LabError: the address is not this machine's, or all ports are in use.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    problem = ""
    for candidate in range(port, port + tries) if port else [0]:
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((address, candidate))
            found.listen(512)
        except OSError as error:
            found.close()
            problem = error.strerror or str(error)
            continue
        return found
    raise LabError(
        f"Nothing can listen on {address} port {port}: {problem}.",
        remedy="Name this machine's address in the room's network: lab class serve --address 192.168.1.5",
    )


def _port_of(folder: Path) -> int:
    try:
        return msgspec.json.decode((folder / "place.json").read_bytes(), type=_Kept).port
    except (OSError, msgspec.MsgspecError):
        return FIRST_PORT


class _Server(uvicorn.Server):
    """A server whose signals are handled for both servers at once, below."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    folder: Path,
    catalogue: Catalogue,
    *,
    address: str,
    port: int = 0,
    name: str = "",
    tell: Callable[[Opened], None],
    shelf: Shelf | None = None,
    own_values: bool = False,
    ended: asyncio.Event | None = None,
) -> None:
    """Hold a class until a signal ends it, or until `ended` is set.

    Args:
        folder: the class's folder.
        catalogue: the labs.
        address: this machine's address in the room's network.
        port: the port for the network; 0 takes the one of last time, or the first free one from 8443.
        name: what the class is called, if it is new.
        tell: called once both listeners are open.
        shelf: what the room may fetch; nothing without it.
        own_values: whether each learner gets values of their own; a class that began with them keeps them.
        ended: ends the class.

    Raises:
        LabError: nothing can listen there, the class's files cannot be used, or it began with the lesson's values.
    """
    kept = Register(folder / REGISTER, name)
    stop = ended or asyncio.Event()
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    try:
        if own_values and not kept.at_once(roster.give_own_values):
            raise MisuseError(
                f"{kept.about.name} has begun, and everybody in it has the lesson's values.",
                remedy="Leave --own-values out, or begin another class: lab class serve --new --own-values",
            )
        public, private = identity.certificate(folder)
        # Before anything listens: a machine that comes while this is read would wait for its answer.
        room = Room(kept, know(catalogue))
        room.open()
        outside = listen(address, port or _port_of(folder), 1 if port else 20)
        number = int(outside.getsockname()[1])
        _keep_port(folder, number)
        inside = listen("127.0.0.1", 0)
        own, token = int(inside.getsockname()[1]), secrets.token_urlsafe(24)
        invitation = Invitation(address, number, kept.about.code, identity.identity(public))
        opened = Opened(
            invitation,
            f"http://127.0.0.1:{own}/#t={token}",
            kept.about.name,
            identity.pin(public),
            kept.at_once(roster.has_own_values),
        )
        network = _config(lan(room, shelf), certificate=public, key=private)
        board = _config(Board(room, invitation.text).app(port=own, token=token))
        await _run([(_Server(network), outside), (_Server(board), inside)], stop, lambda: tell(opened))
    finally:
        kept.close()


def _keep_port(folder: Path, port: int) -> None:
    file = folder / "place.json"
    try:
        whole.write_bytes(file, msgspec.json.encode(_Kept(port)))
    except OSError as error:
        raise not_written(file, error) from error


class _Impatient(H11Protocol):
    """Closes a connection on which nothing is said, also before its first request, which uvicorn waits for without end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )


def _config(app: ASGIApp, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Config:
    """Return the settings of one server; with a certificate, it speaks TLS."""
    return uvicorn.Config(
        app,
        ssl_certfile=str(certificate) if certificate else None,
        ssl_keyfile=str(key) if key else None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        access_log=False,
        log_level="warning",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=END_SECONDS,
        timeout_keep_alive=15,
        backlog=512,
        http=_Impatient,
        limit_concurrency=1500,
    )


async def _run(
    servers: Sequence[tuple[uvicorn.Server, socket.socket]], stop: asyncio.Event, tell: Callable[[], None]
) -> None:
    """Run servers until one ends, a signal comes, or `stop` is set; then end all of them."""
    _on_signals(stop)
    tasks = [asyncio.create_task(server.serve(sockets=[listening])) for server, listening in servers]
    tell()
    await asyncio.wait([*tasks, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    for server, _ in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except (NotImplementedError, RuntimeError, ValueError):
            # Windows' event loop has no such handlers; Ctrl-C raises there. Another thread has no signals.
            with contextlib.suppress(ValueError):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def qr_lines(text: str) -> str:
    """Return a QR code of a text for a terminal."""
    import io  # noqa: PLC0415 - printed once

    import segno  # noqa: PLC0415 - only a teacher's machine has it

    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue()
