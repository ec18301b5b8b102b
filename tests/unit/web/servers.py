"""A server for tests of downloads: TLS with a certificate of its own, and as bad as a test wants it."""

from __future__ import annotations

import contextlib
import http.server
import re
import ssl
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from checker.classroom.identity import certificate, identity
from checker.web.pinned import Pinned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path


class Bad:
    """What the server has, and what it does wrong.

    Args:
        files: what it has, by path.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.kinds: dict[str, str] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.most = 0
        """After how many bytes of an answer it hangs up; 0 for never."""
        self.cuts = 10**6
        """How often it does that."""
        self.needs: dict[str, str] = {}
        """The headers without which it answers 403."""
        self.asked: list[tuple[str, str]] = []
        """The path and the range of each GET."""
        self.sent = 0
        """The bytes of bodies that it has sent."""


def _answer_to(bad: Bad, path: str, headers: Message[str, str]) -> tuple[HTTPStatus, bytes, dict[str, str]]:
    extra = dict(bad.headers.get(path, {}))
    if any(headers.get(name) != value for name, value in bad.needs.items()):
        return HTTPStatus.FORBIDDEN, b"", extra
    if path not in bad.files:
        return HTTPStatus.NOT_FOUND, b"", extra
    data = bad.files[path]
    given = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
    if given is None:
        return HTTPStatus.OK, data, extra
    start, total = int(given[1]), len(data)
    if start >= total:
        return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", extra
    extra["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
    return HTTPStatus.PARTIAL_CONTENT, data[start:], extra


def _handler(bad: Bad) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            bad.asked.append((self.path, self.headers.get("Range", "")))
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            status, data, extra = _answer_to(bad, self.path, self.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", bad.kinds.get(self.path, "application/octet-stream"))
            for name, value in extra.items():
                self.send_header(name, value)
            self.end_headers()
            if not body:
                return
            if bad.most and bad.cuts and len(data) > bad.most:
                bad.cuts -= 1
                data = data[: bad.most]
                self.close_connection = True
            bad.sent += len(data)
            self.wfile.write(data)

    return Handler


@contextlib.contextmanager
def serving(bad: Bad, folder: Path | None = None) -> Iterator[Pinned]:
    """Serve on loopback for a block.

    Args:
        bad: what it has.
        folder: where its certificate is kept; plain HTTP without it.
    """
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(bad))
    server.daemon_threads = True
    known = ""
    if folder is not None:
        public, private = certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        known = identity(public)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Pinned("127.0.0.1", server.server_port, known)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)
