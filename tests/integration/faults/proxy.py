"""Something between the checker and the engine that can be cut: the engine itself is never stopped."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from checker.engine.endpoint import Endpoint
from checker.engine.transport import dial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _no_relay() -> tuple[list[str], dict[str, str]]:
    raise AssertionError("this engine needs a relay, and the test's proxy has none")


class Proxy:
    """Forwards connections to an engine until it is cut."""

    def __init__(self, target: str, path: Path) -> None:
        self._target = target
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_cut = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self.endpoint = Endpoint(f"unix://{path}", "test")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = dial(self._target, _no_relay)
            far.settimeout(None)
            with self._lock:
                self._open += [near, far]
                if self._is_cut:
                    self._close_all()
                    return
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Cut every connection, also one that is being opened, and take no more."""
        with self._lock:
            self._is_cut = True
            self._close_all()

    def _close_all(self) -> None:
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@contextlib.contextmanager
def proxied(target: str, folder: Path) -> Iterator[Proxy]:
    """Give a proxy, cut at the end."""
    proxy = Proxy(target, folder / "p.sock")
    try:
        yield proxy
    finally:
        proxy.cut()
