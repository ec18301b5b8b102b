"""What a small service needs: answer requests, ask other services, keep data, and write a log.

A program that uses it says which function answers which request:

    def front_page(request):
        return 200, {"parcels": 3}

    serve({"GET /": front_page})

Its environment:
  SERVICE       its name, in each answer and each line of the log
  VERSION       its version, likewise
  SERVICE_PORT  the port to listen on; 8080
  SERVICE_DATA  the folder of its data; /data

Every service can be broken on purpose, to see what the others do. POST /fault with
  {"mode": "slow", "seconds": 5}   does what it is asked for, and answers 5 seconds later
  {"mode": "wrong"}                does nothing, and answers 500
  {"mode": "none"}                 works again
and with "id" only the request with this id meets the fault.
GET /fault says which fault it has, and how many requests have come since it was set.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message

    Answer = tuple[int, dict[str, Any]]

NAME = os.environ.get("SERVICE") or "service"
VERSION = os.environ.get("VERSION") or "dev"
INSTANCE = socket.gethostname()
WORTH_A_LINE_MS = 250
"""The front page is asked 25 times a second; of these requests, only a slow or a failed one is worth a line."""


def log(event: str, **facts: object) -> None:
    """Write one JSON line to standard output, where a container's logs belong."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    line = {"time": stamp, "service": NAME, "version": VERSION, "event": event, **facts}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Request(NamedTuple):
    """A request that a service got."""

    id: str
    """What the caller sent in X-Request-Id; a new one if it sent none."""
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    headers: Message


def fetch(
    method: str,
    url: str,
    body: dict[str, Any] | None = None,
    *,
    timeout: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask another service, and return the status and the body of its answer, whatever the status is.

    Args:
        method: such as `GET`.
        url: such as `http://tracking:8080/scans`.
        body: sent as JSON.
        timeout: seconds until it gives up, with everything in them; None waits as long as it takes.
        headers: such as `{"X-Request-Id": request.id}`.

    Raises:
        OSError: no answer came, or not in time.
    """
    result: list[Answer | Exception] = []

    def ask() -> None:
        to = urlsplit(url)
        try:
            connection = http.client.HTTPConnection(to.netloc, timeout=timeout)
            path = (to.path or "/") + (f"?{to.query}" if to.query else "")
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, dict(headers or {}))
            answer = connection.getresponse()
            told = json.loads(answer.read() or b"{}")
            result.append((answer.status, told if isinstance(told, dict) else {"answer": told}))
            connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            result.append(error)

    # A time-out of the socket does not cover the look-up of the name.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if not result:
        raise TimeoutError(f"no answer from {urlsplit(url).hostname} within {timeout:g} s")
    if isinstance(result[0], Exception):
        raise OSError(f"no answer from {urlsplit(url).hostname}: {result[0]}")
    return result[0]


class Store:
    """The data of a service: an SQLite file.

    Args:
        tables: the statements that make its tables.
        name: the file, in the folder of the data.
    """

    def __init__(self, *tables: str, name: str = "store.db") -> None:
        folder = Path(os.environ.get("SERVICE_DATA") or "/data")
        self._lock = threading.RLock()
        self._file = sqlite3.connect(folder / name, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        for table in tables:
            self._file.execute(table)

    def run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement, and return its rows."""
        with self._lock:
            return self._file.execute(sql, values).fetchall()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep what is run inside, all of it or nothing."""
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")


class Fault:
    """How a service is broken on purpose."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set({})

    def set(self, told: dict[str, Any]) -> None:
        """Break it in another way, or repair it; begin to count again."""
        with self._lock:
            self.mode = str(told.get("mode") or "none")
            self.seconds = float(told.get("seconds") or 5)
            self.id = str(told.get("id") or "")
            self.requests = 0

    def meet(self, number: str) -> tuple[str, float]:
        """Count the request with this id, and return how it is to be treated."""
        with self._lock:
            self.requests += 1
            return self.mode if self.id in ("", number) else "none", self.seconds

    @property
    def told(self) -> dict[str, Any]:
        """What GET /fault answers."""
        return {"mode": self.mode, "requests": self.requests}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Without it, the second packet of an answer waits for the caller to confirm the first.
    disable_nagle_algorithm = True
    server: Server

    def _answer(self) -> None:
        began = time.monotonic()
        to = urlsplit(self.path)
        try:
            told = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        except ValueError:
            told = None
        if to.path == "/healthz":
            self._send(200, {"status": "ok"}, "")
        elif to.path == "/fault":
            if self.command == "POST" and isinstance(told, dict):
                self.server.fault.set(told)
            self._send(200, self.server.fault.told, "")
        else:
            page = to.path == "/" and self.command == "GET"
            number = self.headers.get("X-Request-Id") or ("page-" if page else "") + uuid.uuid4().hex[:12]
            query = {name: values[-1] for name, values in parse_qs(to.query).items()}
            body = told if isinstance(told, dict) else {}
            status, answer = self._ask(Request(number, to.path, query, body, self.headers))
            ms = round((time.monotonic() - began) * 1000)
            if not number.startswith("page-") or ms >= WORTH_A_LINE_MS or status >= 500:
                log("request", id=number, method=self.command, path=self.path, status=status, ms=ms)
            self._send(status, answer, number)

    do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

    def _ask(self, request: Request) -> Answer:
        mode, seconds = self.server.fault.meet(request.id)
        if mode == "wrong":
            return 500, {"error": "broken on purpose"}
        function = self.server.route(self.command, request.path)
        if function is None:
            return 404, {"error": f"nothing answers {self.command} {request.path}"}
        try:
            status, answer = function(request)
        except Exception as error:  # noqa: BLE001 - whatever a program runs into, its caller gets an answer
            log("failed", id=request.id, error=repr(error))
            status, answer = 500, {"error": type(error).__name__}
        if mode == "slow":
            time.sleep(seconds)
        return status, answer

    def _send(self, status: int, answer: dict[str, Any], number: str) -> None:
        told = {"service": NAME, "version": VERSION, "instance": INSTANCE, "request": number, **answer}
        body = json.dumps(told).encode() + b"\n"
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if number:
                self.send_header("X-Request-Id", number)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no line of http.server's own."""


class Server(ThreadingHTTPServer):
    """The service, with a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, routes: Mapping[str, Callable[[Request], Answer]]) -> None:
        self.routes = routes
        self.fault = Fault()
        super().__init__(("", int(os.environ.get("SERVICE_PORT") or 8080)), Handler)

    def route(self, method: str, path: str) -> Callable[[Request], Answer] | None:
        """Return the function for a request: `GET /parcels/*` answers for every path that begins so."""
        exact = self.routes.get(f"{method} {path}")
        return exact or self.routes.get(f"{method} {path.rpartition('/')[0]}/*")

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Write what a connection ran into as one line; a caller who left is no error."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            log("connection failed", error=repr(error))

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's full name, which can take seconds without DNS."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "", self.socket.getsockname()[1]


def in_background(work: Callable[[], object], *, pause: float = 1.0) -> None:
    """Do a piece of work again and again beside the requests.

    Args:
        work: one piece; what it raises is written to the log.
        pause: seconds between two pieces.
    """

    def go() -> None:
        while True:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - the next try may do better
                log("background work failed", error=repr(error))
            time.sleep(pause)

    threading.Thread(target=go, daemon=True).start()


def serve(routes: Mapping[str, Callable[[Request], Answer]]) -> None:
    """Answer requests until the container is stopped."""
    server = Server(routes)
    # The main process of a container ignores this signal unless it says what to do.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    log("started", port=server.server_port)
    server.serve_forever()
