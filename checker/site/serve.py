"""The web server of the pages: static files, loopback by default, nothing but GET and HEAD.

It imports only the standard library, so the course's container image can use this one file.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import http.server
import io
import json
import os
import re
import signal
import socket
import sys
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

APP = "drydock-site"
FIRST_PORT = 8000
LAST_PORT = 8019
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def inline_scripts(page: bytes) -> list[bytes]:
    """Return the scripts that are written in a page itself, each once."""
    return list(dict.fromkeys(_INLINE_SCRIPT.findall(page)))


def content_policy(page: bytes, is_known: Callable[[bytes], bool] = lambda _: True) -> str:
    """Return the Content-Security-Policy of one page: only this server, and inline scripts that it was built with.

    Args:
        page: the page.
        is_known: whether one of its inline scripts may run; by default all of them.
    """
    scripts = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in inline_scripts(page)
        if is_known(script)
    )
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves one folder of pages.

    Args:
        run: the id in `/hello.json`, by which the command that started this server recognises it.
        any_host: answer requests for every host name; for a container whose port is published.
    """

    protocol_version = "HTTP/1.1"
    timeout = 30

    def __init__(self, *args: Any, run: str, any_host: bool, **kwargs: Any) -> None:
        self.run = run
        self.any_host = any_host
        super().__init__(*args, **kwargs)

    def version_string(self) -> str:
        """Return the text of the Server header, without any version."""
        return APP

    def send_head(self) -> Any:
        """Send the head of the answer to a GET or HEAD, and return the body."""
        if not self._host_is_ours():
            return self._answer(HTTPStatus.MISDIRECTED_REQUEST, b"This server answers only to localhost.\n")
        if self.path.partition("?")[0] == "/hello.json":
            hello = {"app": APP, "run": self.run, "pid": os.getpid()}
            return self._answer(HTTPStatus.OK, json.dumps(hello).encode(), "application/json")
        file = Path(self.translate_path(self.path))
        if file.is_dir() and self.path.partition("?")[0].endswith("/"):
            file /= "index.html"
        if file.suffix == ".html":
            return self._page(file)
        return super().send_head()

    def _host_is_ours(self) -> bool:
        """Refuse host names that only a hostile DNS server would send here (DNS rebinding)."""
        if self.any_host:
            return True
        port = self.connection.getsockname()[1]
        names = self.headers.get_all("Host") or []
        return len(names) == 1 and names[0] in {
            f"127.0.0.1:{port}",
            f"localhost:{port}",
            f"[::1]:{port}",
        }

    def _page(self, file: Path) -> Any:
        try:
            return self._answer(HTTPStatus.OK, file.read_bytes(), "text/html; charset=utf-8")
        except OSError:
            return self._missing()

    def _missing(self) -> Any:
        try:
            page = (Path(self.directory) / "404.html").read_bytes()
        except OSError:
            return self._answer(HTTPStatus.NOT_FOUND, b"There is no such page.\n")
        return self._answer(HTTPStatus.NOT_FOUND, page, "text/html; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> Any:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if kind.startswith("text/html"):
            self.send_header("Content-Security-Policy", content_policy(body))
        self.end_headers()
        return io.BytesIO(body)

    def list_directory(self, path: Any) -> Any:
        """Answer that there is no such page: the content of folders is not shown."""
        del path
        return self._missing()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send the site's own page if a page is missing, and the standard answer for other errors."""
        if code == HTTPStatus.NOT_FOUND and self.command in {"GET", "HEAD"}:
            body = self._missing()
            if self.command == "GET":
                self.copyfile(body, self.wfile)
            return
        super().send_error(code, message, explain)

    def end_headers(self) -> None:
        """Add the headers that every answer has."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write only errors to the log."""
        if len(args) > 1 and str(args[1]).startswith(("4", "5")):
            super().log_message(format, *args)


class Server(http.server.ThreadingHTTPServer):
    """Listens on one address; on Windows, it also refuses a second server on the same port."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"

    def server_bind(self) -> None:
        """Bind without a DNS look-up of this machine's name, which can take seconds."""
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]


def listen(
    pages: Path, *, run: str, address: str = "127.0.0.1", port: int = 0, any_host: bool = False
) -> Server:
    """Return a server of the pages, bound to the port, or with port 0 to the first free one from 8000.

    Raises:
        OSError: the port is in use.
    """
    handler = partial(Handler, run=run, any_host=any_host, directory=str(pages))
    if port:
        return Server((address, port), handler)
    for candidate in range(FIRST_PORT, LAST_PORT + 1):
        with contextlib.suppress(OSError):
            return Server((address, candidate), handler)
    return Server((address, 0), handler)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    """Serve a folder of pages until a signal stops the server."""
    parser = argparse.ArgumentParser(description="Serve the built pages.")
    parser.add_argument("pages", type=Path, help="the folder of built pages")
    parser.add_argument("--run", default="container", help="an id to show in /hello.json")
    parser.add_argument(
        "--record", type=Path, help="a file to write the pid, port and run id to, once the server listens"
    )
    parser.add_argument("--address", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 takes the first free one from 8000")
    parser.add_argument("--any-host", action="store_true", help="answer to any host name")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    server = listen(args.pages, run=args.run, address=args.address, port=args.port, any_host=args.any_host)
    if args.record:
        record = {"pid": os.getpid(), "port": server.server_port, "run": args.run}
        fresh = args.record.with_suffix(".new")
        fresh.write_text(json.dumps(record), "utf-8")
        fresh.replace(args.record)
    print(f"serving {args.pages} on {args.address}:{server.server_port}", file=sys.stderr, flush=True)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
