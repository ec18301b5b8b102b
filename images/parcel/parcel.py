"""Parcel, the course's application: a parcel counter that can be told to work, crash, hang and leak.

It uses nothing but Python's standard library and is configured by its environment alone:
  PARCEL_INSTANCE        the name this copy answers with; the host name when unset
  PARCEL_BIND            the address to listen on; 0.0.0.0
  PARCEL_PORT            the port to listen on; 8080
  PARCEL_DATA            the folder of its counter and its note; when unset, the counter is
                         kept in memory and the note in the working folder
  PARCEL_VERSION         the version it answers with; set when the image is built
  PARCEL_READY_DELAY_MS  how long after its start /readyz begins to say yes; 0
  PARCEL_WARM_UP_MS      how long after its start all paths but /healthz answer 503; 0
  PARCEL_FAULT           `front` for a front page that answers 500, whatever the other paths say
  PARCEL_DRAIN_MS        how long a stop waits for requests under way; 1000
  PARCEL_SECRET_FILE     a file with a secret, whose fingerprint /secret tells; read at each request
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_NOTE = 64 * 1024
LONGEST_WORK_MS = 60_000
LONGEST_DOWNLOAD = 60
PIECES_A_SECOND = 4
MEBIBYTE = 1024 * 1024


class Settings(NamedTuple):
    """What the environment says."""

    instance: str
    version: str
    bind: str
    port: int
    data: Path | None
    secret: Path | None
    ready_delay: float
    warm_up: float
    fault: str
    drain: float

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables; a number that is none ends the program with a line that names it."""

        def number(name: str, default: int) -> int:
            text = environ.get(name) or str(default)
            # Kubernetes tells pods of a service named parcel by a variable PARCEL_PORT of its own: tcp://10.43.0.7:80.
            if text.startswith(("tcp://", "udp://")):
                return default
            if not text.isdecimal():
                raise SystemExit(f"{name} is {text!r}; it must be a whole number.")
            return int(text)

        data, secret = environ.get("PARCEL_DATA"), environ.get("PARCEL_SECRET_FILE")
        return cls(
            instance=environ.get("PARCEL_INSTANCE") or socket.gethostname(),
            version=environ.get("PARCEL_VERSION") or "dev",
            bind=environ.get("PARCEL_BIND") or "0.0.0.0",  # noqa: S104 - inside a container, all is its own
            port=number("PARCEL_PORT", 8080),
            data=Path(data) if data else None,
            secret=Path(secret) if secret else None,
            ready_delay=number("PARCEL_READY_DELAY_MS", 0) / 1000,
            warm_up=number("PARCEL_WARM_UP_MS", 0) / 1000,
            fault=environ.get("PARCEL_FAULT", ""),
            drain=number("PARCEL_DRAIN_MS", 1000) / 1000,
        )


def log(event: str, **facts: object) -> None:
    """Write one JSON line to standard output, where a container's logs belong."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    sys.stdout.write(json.dumps({"time": stamp, "event": event, **facts}) + "\n")
    sys.stdout.flush()


class Counter:
    """How often the front page was asked for; kept in a file where one can be written, else in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / "counter" if folder else None
        self._value = 0
        self._lock = threading.Lock()

    def increase(self) -> int:
        """Count one more and return the count."""
        with self._lock:
            self._value = self._read() + 1
            self._write()
            return self._value

    def _read(self) -> int:
        if not self._file:
            return self._value
        try:
            return int(self._file.read_text("ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            log("counter unreadable", level="warning", file=str(self._file), error=str(error))
            return self._value

    def _write(self) -> None:
        if not self._file:
            return
        # A new file is renamed over the old one, so that a crash in the middle leaves the old count whole.
        new = self._file.with_suffix(".new")
        try:
            new.write_text(f"{self._value}\n", "ascii")
            new.replace(self._file)
        except OSError as error:
            log("counter kept in memory", level="warning", file=str(self._file), error=str(error))
            self._file = None


class Parcel(ThreadingMixIn, HTTPServer):
    """The service: a thread for each connection, and what the requests share."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, settings: Settings) -> None:
        super().__init__((settings.bind, settings.port), Handler)
        self.settings = settings
        self.counter = Counter(settings.data)
        self.warm_at = time.monotonic() + settings.warm_up
        self.ready_at = time.monotonic() + max(settings.ready_delay, settings.warm_up)
        self.hung = threading.Event()
        self.stopping = threading.Event()
        self.leaked: list[bytearray] = []
        self._idle: set[socket.socket] = set()
        self._under_way = 0
        self._changed = threading.Condition()

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's full name, which can take seconds without DNS."""
        if ":" in str(self.server_address[0]):
            self.address_family = socket.AF_INET6
            self.socket.close()
            self.socket = socket.socket(self.address_family, self.socket_type)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)  # type: ignore[arg-type]
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection in and give it a thread."""
        with self._changed:
            self._idle.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Let a connection go."""
        self.forget(request)
        super().shutdown_request(request)

    def serve_until(self, wake: socket.socket) -> int:
        """Serve until a byte can be read from `wake`, and return it. Nothing is polled in between."""
        waiting = select.poll()
        for each in (self.socket, wake):
            each.setblocking(False)  # noqa: FBT003 - the one argument it has
            waiting.register(each, select.POLLIN)
        while wake.fileno() not in dict(waiting.poll()):
            self._take_in()
        return wake.recv(1)[0]

    def _take_in(self) -> None:
        """Take in the connections that wait at the door."""
        with suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                self.process_request(*self.socket.accept())

    def begin(self, connection: socket.socket) -> None:
        """Note that a request on a connection is under way."""
        with self._changed:
            self._idle.discard(connection)
            self._under_way += 1

    def end(self, connection: socket.socket) -> None:
        """Note that it was answered, and that the connection may bring another."""
        with self._changed:
            self._idle.add(connection)
            self._under_way -= 1
            self._changed.notify_all()

    def forget(self, connection: socket.socket) -> None:
        """Expect nothing more of a connection."""
        with self._changed:
            self._idle.discard(connection)

    def drain(self) -> int:
        """Take no more connections, and wait for what had come until now, no longer than the settings allow.

        Returns:
            How many requests are left.
        """
        self.stopping.set()
        self._take_in()
        self.server_close()
        deadline = time.monotonic() + self.settings.drain
        with self._changed:
            while (left := self._under_way + self._unread()) and (rest := deadline - time.monotonic()) > 0:
                # A request that was sent, but not yet read, tells nobody when that changes.
                self._changed.wait(min(rest, 0.02))
        return left

    def _unread(self) -> int:
        waiting = select.poll()
        for connection in self._idle:
            waiting.register(connection, select.POLLIN)
        return len(waiting.poll(0))

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Log what a request ran into as one line instead of a traceback; a caller who left is no error."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            log("request failed", level="error", error=repr(error))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Parcel
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one piece: a second small packet would wait for the first one's receipt.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 60

    def _serve(self) -> None:
        started = time.perf_counter()
        self.status = 0
        self.server.begin(self.connection)
        try:
            if self.server.hung.is_set():
                self._hang()
            path = self.path.partition("?")[0]
            route = ROUTES.get((self.command, path))
            if time.monotonic() < self.server.warm_at and path not in {"/healthz", "/readyz"}:
                self._answer_cold()
            elif route is None:
                self._answer_unknown()
            else:
                route(self)
            self.wfile.flush()
        finally:
            self.server.end(self.connection)
            self._log_request((time.perf_counter() - started) * 1000)

    def _log_request(self, ms: float) -> None:
        # A health check that went well comes every few seconds and would bury what matters.
        if self.status == 200 and self.path in {"/healthz", "/readyz"}:
            return
        log(
            "request",
            method=self.command,
            path=self.path,
            status=self.status,
            ms=round(ms, 1),
            client=self.client_address[0],
        )

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - the names http.server calls

    def version_string(self) -> str:
        """Name the service in the Server header."""
        return f"Parcel/{self.server.settings.version}"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: each request is logged once, as JSON, when it is answered."""

    def _begin(self, status: int, length: int, kind: str) -> None:
        self.status = status
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        if self.server.stopping.is_set():
            self.send_header("Connection", "close")
        self.end_headers()

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self._begin(status, len(body), kind)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_json(self, code: int, /, **facts: object) -> None:
        self._send(code, json.dumps(facts).encode() + b"\n", "application/json")

    def _send_text(self, status: int, text: str) -> None:
        self._send(status, text.encode(), "text/plain; charset=utf-8")

    def _number(self, name: str, default: int, limit: int) -> int:
        text = parse_qs(urlsplit(self.path).query).get(name, [str(default)])[-1]
        if not text.isdecimal() or int(text) > limit:
            raise ValueError(f"{name} must be a whole number from 0 to {limit}")
        return int(text)

    def answer_front(self) -> None:
        """Say who answers and how often; a page for browsers, JSON for everybody else."""
        if self.server.settings.fault == "front":
            return self._send_json(500, error="the front page cannot be made: no column named `status`")
        facts = {**self._name, "counter": self.server.counter.increase()}
        if "text/html" in self.headers.get("Accept", ""):
            return self._send(200, make_page(facts), "text/html; charset=utf-8")
        return self._send_json(200, **facts)

    @property
    def _name(self) -> dict[str, object]:
        settings = self.server.settings
        return {"service": "parcel", "version": settings.version, "instance": settings.instance}

    def answer_download(self) -> None:
        """Send a list of parcels, piece by piece over `seconds` seconds, as a program does that makes it on the way."""
        try:
            seconds = self._number("seconds", 8, LONGEST_DOWNLOAD)
        except ValueError as error:
            return self._send_json(400, error=str(error))
        pieces = [f'"parcel {number:04d} is on its way"' for number in range(seconds * PIECES_A_SECOND)]
        head = json.dumps({**self._name, "parcels": []})[:-2]
        body = [head + ",\n".join(pieces[:1]), *(",\n" + each for each in pieces[1:]), "]}\n"]
        self._begin(200, sum(map(len, body)), "application/json")
        for piece in body:
            self.wfile.write(piece.encode())
            self.wfile.flush()
            time.sleep(0 if piece is body[-1] else 1 / PIECES_A_SECOND)
        return None

    def answer_healthz(self) -> None:
        """Say that the process lives."""
        self._send_json(200, status="ok")

    def answer_readyz(self) -> None:
        """Say whether requests should be sent here."""
        left = self.server.ready_at - time.monotonic()
        if self.server.stopping.is_set():
            self._send_json(503, status="stopping")
        elif left > 0:
            self._send_json(503, status="starting", ready_in_ms=round(left * 1000))
        else:
            self._send_json(200, status="ready")

    def answer_work(self) -> None:
        """Use a processor for `ms` milliseconds of processor time: under a CPU limit it takes longer."""
        try:
            wanted = self._number("ms", 100, LONGEST_WORK_MS)
        except ValueError as error:
            return self._send_json(400, error=str(error))
        began, used = time.perf_counter(), time.thread_time()
        while time.thread_time() - used < wanted / 1000:
            sum(range(2000))
        return self._send_json(200, worked_ms=wanted, took_ms=round((time.perf_counter() - began) * 1000, 1))

    def answer_crash(self) -> None:
        """End the process at once, in the middle of this request, with exit code 1."""
        log("crash", level="error", reason="asked to by /crash")
        os._exit(1)

    def answer_hang(self) -> None:
        """Answer nobody any more, this request included, while the process lives on."""
        self.server.hung.set()
        log("hang", level="error", reason="asked to by /hang")
        self._hang()

    def _hang(self) -> None:
        # A hung request must not hold up a stop: it is neither under way nor awaited.
        self.server.end(self.connection)
        self.server.forget(self.connection)
        threading.Event().wait()

    def answer_leak(self) -> None:
        """Take `mb` MiB of memory and never give it back."""
        try:
            wanted = self._number("mb", 10, 1_000_000)
        except ValueError as error:
            return self._send_json(400, error=str(error))
        for _ in range(wanted):
            # Bytes that are not zero, so that the memory is really used and not only promised.
            self.server.leaked.append(bytearray(b"\x01") * MEBIBYTE)
        log("leak", level="warning", mb=wanted, total_mb=len(self.server.leaked))
        return self._send_json(200, leaked_mb=len(self.server.leaked))

    def answer_secret(self) -> None:
        """Show that a secret was given without telling it: the beginning of its SHA-256, space at its ends left out."""
        file = self.server.settings.secret
        if file is None:
            return self._send_json(404, error="no secret was given: PARCEL_SECRET_FILE names no file")
        try:
            secret = file.read_bytes().strip()
        except OSError as error:
            return self._send_json(500, error=str(error))
        return self._send_json(200, fingerprint=hashlib.sha256(secret).hexdigest()[:16])

    @property
    def _note(self) -> Path:
        return (self.server.settings.data or Path()) / "note"

    def answer_note(self) -> None:
        """Return the note."""
        try:
            self._send_text(200, self._note.read_text("utf-8"))
        except FileNotFoundError:
            self._send_json(404, error="no note was written here")
        except (OSError, UnicodeDecodeError) as error:
            self._send_json(500, error=str(error))

    def take_note(self) -> None:
        """Write the note into this container's own file system."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True
            return self._send_json(411, error="send the text with its length (Content-Length)")
        if int(length) > LONGEST_NOTE:
            self.close_connection = True
            return self._send_json(413, error=f"a note has at most {LONGEST_NOTE} bytes")
        text = self.rfile.read(int(length))
        try:
            self._note.write_bytes(text)
        except OSError as error:
            return self._send_json(507, error=str(error))
        return self._send_json(200, written=len(text))

    def _answer_cold(self) -> None:
        # The body of a request that nobody reads would be taken for the next request.
        self.close_connection = True
        left = round((self.server.warm_at - time.monotonic()) * 1000)
        self._send_json(503, status="warming up", ready_in_ms=max(0, left))

    def _answer_unknown(self) -> None:
        # The body of a request that nobody reads would be taken for the next request.
        self.close_connection = True
        path = self.path.partition("?")[0]
        methods = sorted(method for method, known in ROUTES if known == path)
        if methods:
            self._send_json(405, error=f"{path} knows {', '.join(methods)}")
        else:
            self._send_json(404, error="not found", paths=sorted({known for _, known in ROUTES}))


ROUTES: dict[tuple[str, str], Callable[[Handler], None]] = {
    ("GET", "/"): Handler.answer_front,
    ("HEAD", "/"): Handler.answer_front,
    ("GET", "/healthz"): Handler.answer_healthz,
    ("GET", "/readyz"): Handler.answer_readyz,
    ("GET", "/download"): Handler.answer_download,
    ("GET", "/work"): Handler.answer_work,
    ("GET", "/crash"): Handler.answer_crash,
    ("POST", "/crash"): Handler.answer_crash,
    ("GET", "/hang"): Handler.answer_hang,
    ("POST", "/hang"): Handler.answer_hang,
    ("GET", "/leak"): Handler.answer_leak,
    ("POST", "/leak"): Handler.answer_leak,
    ("GET", "/secret"): Handler.answer_secret,
    ("GET", "/note"): Handler.answer_note,
    ("PUT", "/note"): Handler.take_note,
}


def make_page(facts: Mapping[str, object]) -> bytes:
    """Fill the front page for browsers, which lies beside this file."""
    page = Path(__file__).with_name("page.html").read_text("utf-8")
    for name, value in facts.items():
        text = str(value).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        page = page.replace("{{" + name + "}}", text)
    return page.encode()


def main() -> int:
    """Serve until SIGTERM or SIGINT, then finish what is under way and end."""
    # As a container's first process, no signal stops us unless we ask for it. A signal becomes a byte with its
    # number, which is read between two connections and never in the middle of something.
    wake, signals = socket.socketpair()
    signals.setblocking(False)  # noqa: FBT003 - the one argument it has
    signal.set_wakeup_fd(signals.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    settings = Settings.read(os.environ)
    try:
        server = Parcel(settings)
    except OSError as error:
        log("cannot listen", level="error", address=f"{settings.bind}:{settings.port}", error=str(error))
        return 1
    log(
        "started",
        version=settings.version,
        instance=settings.instance,
        address=f"{settings.bind}:{server.server_port}",
    )
    number = server.serve_until(wake)
    began = time.perf_counter()
    cut_off = server.drain()
    took = round((time.perf_counter() - began) * 1000, 1)
    log("stopped", signal=signal.Signals(number).name, ms=took, cut_off=cut_off)
    # A request that outlived the drain must not keep the process alive, so its thread is not waited for.
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
