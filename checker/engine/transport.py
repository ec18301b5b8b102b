"""The connection to the engine: a socket for each kind of endpoint, and HTTP on it.

Unix sockets and plain TCP connections are opened here. For everything else that a Docker client can reach (SSH, TLS, a
Windows named pipe), `docker system dial-stdio` relays the connection.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import selectors
import socket
import subprocess
import threading
import urllib.parse
from typing import IO, TYPE_CHECKING

from checker.engine import remedies
from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_SECONDS = 5.0
"""How long the engine may take to accept a connection."""

PLAIN_PORT = 2375
"""The port of an engine with plain TCP, if DOCKER_HOST names none."""


def dial(
    host: str, relay: Callable[[], tuple[list[str], dict[str, str]]], *, tls: bool = False, source: str = ""
) -> socket.socket:
    """Open one connection to the engine.

    Args:
        host: the endpoint as DOCKER_HOST has it, such as `unix:///var/run/docker.sock`.
        relay: returns the command line and environment of `docker system dial-stdio`; called only when needed.
        tls: whether a TCP endpoint uses TLS, which the relay then does.
        source: where the endpoint was found, as an `Endpoint` says it; for the way out when nothing answers.

    Raises:
        EngineError: nothing accepts the connection.
    """
    try:
        if host.startswith("unix://"):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(CONNECT_SECONDS)
            try:
                sock.connect(host.removeprefix("unix://"))
            except OSError:
                sock.close()
                raise
            return sock
        if host.startswith("tcp://") and not tls:
            return socket.create_connection(_address(host), CONNECT_SECONDS)
    except UnicodeError as error:
        raise EngineError(f"`{host}` is not an address of a container engine: {error}.") from error
    except OSError as error:
        raise EngineError(
            f"The container engine at {host} does not answer: {error.strerror or error}.",
            remedy=" ".join(
                ["Start it and try again; `lab doctor` says more.", *remedies.other_than(source)]
            ),
        ) from error
    return _relayed(*relay())


def _address(host: str) -> tuple[str, int]:
    """Split `tcp://NAME:PORT`; the port may be left out, as docker allows."""
    try:
        parts = urllib.parse.urlsplit(host)
        port = parts.port or PLAIN_PORT
    except ValueError as error:
        raise EngineError(
            f"`{host}` is not an address of a container engine: {error}.",
            remedy="Set DOCKER_HOST to tcp://NAME:PORT, or unset it.",
        ) from error
    return parts.hostname or "127.0.0.1", port


def _relayed(command: list[str], environment: dict[str, str]) -> socket.socket:
    near, far = socket.socketpair()
    try:
        # In its own process group, so that Ctrl-C in the terminal does not cut this connection before we clean up.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"`{' '.join(command)}` could not be started: {error}.") from error
    assert process.stdin is not None  # noqa: S101 - for the type checker; both were asked for above
    assert process.stdout is not None  # noqa: S101
    threading.Thread(target=_pump_in, args=(far, process.stdin), daemon=True).start()
    threading.Thread(target=_pump_out, args=(process, process.stdout, far), daemon=True).start()
    near.settimeout(CONNECT_SECONDS)
    return near


def _pump_in(source: socket.socket, sink: IO[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            sink.write(data)
            sink.flush()
    with contextlib.suppress(OSError):
        sink.close()


def _pump_out(process: subprocess.Popen[bytes], source: IO[bytes], sink: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        # What has come by now, without waiting for more.
        while data := os.read(source.fileno(), 65536):
            sink.sendall(data)
    # The other pump may be waiting in a read of this socket; only closing it would not wake that thread.
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
    sink.close()
    process.wait()


class EngineConnection(http.client.HTTPConnection):
    """An HTTP connection on the socket that `dial` opened."""

    def __init__(self, opener: Callable[[], socket.socket], seconds: float) -> None:
        super().__init__("docker", timeout=seconds)
        self._opener = opener

    def connect(self) -> None:
        """Open the socket."""
        self.sock = self._opener()
        self.sock.settimeout(self.timeout)

    def answers_within(self, seconds: float) -> bool:
        """Wait until an answer to what was sent begins, for a number of seconds at most; return whether it did."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.sock, selectors.EVENT_READ)
            return bool(waiting.select(seconds))

    def limit(self, seconds: float) -> None:
        """Let the engine send nothing for a number of seconds from now on."""
        self.sock.settimeout(seconds)
