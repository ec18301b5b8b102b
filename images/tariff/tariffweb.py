"""The web server of both versions of Tariff: quotes, orders in a ledger, and a record of its own response times.

Its port and its ledger are the same in every version and cannot be configured; that is the point of the lab.
  GET  /             who answers: version, library, container, ledger, number of orders
  GET  /quote?grams= what a parcel costs; costs a few milliseconds of one core
  GET  /orders       the ledger's orders
  POST /orders       books the body's first line as an order
  DELETE /orders     takes the body's first line out of the ledger
  GET  /pace         how long its answers took lately: by `from` and `to` in seconds since 1970, else the last 10 s
  GET  /healthz      that it serves
"""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import socket
import statistics
import sys
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = 7070
LEDGER = Path("/var/lib/tariff/ledger")
LONGEST_ORDER = 200

SEAL_ROUNDS = 10_000
"""Each quote is sealed against forgery, which keeps one core busy for a few milliseconds."""

PACE_EVERY = 0.5
PACE_KEPT = 7200
"""One quote every half second, remembered for an hour: 240 kB."""


class Tariff(NamedTuple):
    """One version of the service: what it is called, what it computes with, and how it writes."""

    version: str
    library: str
    ledger_format: int
    quote: Callable[[int], dict[str, int]]


def say(text: str) -> None:
    """Write one line to standard output, where a container's logs belong."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Ledger:
    """The file of orders: a first line that names its format, then one order a line."""

    def __init__(self, file: Path, wanted: int) -> None:
        self._file = file
        self._first = f"format {wanted}"
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make the file, or find it in the right format; OSError says what is in the way."""
        try:
            with self._file.open("x", encoding="utf-8") as new:
                new.write(self._first + "\n")
        except FileExistsError:
            found = self._file.read_text("utf-8").partition("\n")[0]
            if found != self._first:
                raise OSError(0, f"it is in {found}, wanted is {self._first}") from None

    def orders(self) -> list[str]:
        """Return every order, oldest first."""
        return self._file.read_text("utf-8").splitlines()[1:]

    def book(self, order: str) -> None:
        """Write one order at the end."""
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(order + "\n")

    def cancel(self, order: str) -> bool:
        """Take one order out, and return whether it was there."""
        with self._lock:
            kept = self.orders()
            if order not in kept:
                return False
            kept.remove(order)
            self._file.write_text("\n".join([self._first, *kept]) + "\n", "utf-8")
            return True


class Pace:
    """How long the service's own answers took: it asks itself for a quote, over HTTP, every half second."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, float]] = deque(maxlen=PACE_KEPT)

    def keep(self) -> None:
        """Ask, record the time, and wait for the next turn, without end."""
        while True:
            began = time.time()
            start = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
            try:
                connection.request("GET", "/quote?grams=500")
                connection.getresponse().read()
            except OSError as error:
                say(f"no answer to my own question: {error}")
            finally:
                connection.close()
            self._taken.append((began, (time.perf_counter() - start) * 1000))
            time.sleep(max(0.0, PACE_EVERY - (time.perf_counter() - start)))

    def between(self, start: float, end: float) -> dict[str, float]:
        """Sum up the quotes asked for between two moments."""
        found = [ms for began, ms in list(self._taken) if start <= began <= end]
        if not found:
            return {"quotes": 0}
        return {
            "quotes": len(found),
            "median_ms": round(statistics.median(found), 1),
            "slowest_ms": round(max(found), 1),
        }


class Server(ThreadingMixIn, HTTPServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    # Two servers of one port must collide here as they do everywhere.
    allow_reuse_port = False

    def __init__(self, tariff: Tariff) -> None:
        # Inside a container every address is its own.
        super().__init__(("0.0.0.0", PORT), Handler, bind_and_activate=False)  # noqa: S104
        self.tariff = tariff
        self.ledger = Ledger(LEDGER, tariff.ledger_format)
        self.pace = Pace()

    def open(self) -> list[str]:
        """Take the ledger and the port; return everything that is in the way."""
        problems = []
        try:
            self.ledger.open()
        except OSError as error:
            problems.append(f"cannot use the ledger {LEDGER}: {error.strerror}")
        try:
            self.server_bind()
            self.server_activate()
        except OSError as error:
            problems.append(f"cannot listen on port {PORT}: {error.strerror}")
        return problems

    def server_bind(self) -> None:
        """Bind without asking the name service who this machine is."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "tariff", PORT

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no event."""


class Handler(BaseHTTPRequestHandler):
    """Turns paths into answers."""

    server: Server

    def do_GET(self) -> None:
        """Answer a question."""
        parts = urlsplit(self.path)
        asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        tariff = self.server.tariff
        try:
            match parts.path:
                case "/":
                    self._answer(
                        {
                            "service": "tariff",
                            "version": tariff.version,
                            "library": tariff.library,
                            "container": socket.gethostname(),
                            "ledger": str(LEDGER),
                            "orders": len(self.server.ledger.orders()),
                        }
                    )
                case "/quote":
                    self._answer({"version": tariff.version, **self._quote(int(asked.get("grams", "500")))})
                case "/orders":
                    self._answer({"version": tariff.version, "orders": self.server.ledger.orders()})
                case "/pace":
                    now = time.time()
                    self._answer(
                        self.server.pace.between(
                            float(asked.get("from", now - 10)), float(asked.get("to", now))
                        )
                    )
                case "/healthz":
                    self._answer({"serving": True})
                case _:
                    self._answer({"error": f"there is nothing at {parts.path}"}, 404)
        except ValueError as error:
            self._answer({"error": str(error)}, 400)
        except OSError as error:
            self._answer({"error": f"the ledger cannot be used: {error.strerror}"}, 500)

    def do_POST(self) -> None:
        """Book an order."""
        self._change("booked", 201, lambda order: self.server.ledger.book(order) or True)

    def do_DELETE(self) -> None:
        """Cancel an order."""
        self._change("cancelled", 200, self.server.ledger.cancel)

    def _change(self, word: str, status: int, change: Callable[[str], bool]) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 4 * LONGEST_ORDER))
        order = body.decode(errors="replace").partition("\n")[0].strip()[:LONGEST_ORDER]
        if urlsplit(self.path).path != "/orders":
            self._answer({"error": f"there is nothing at {self.path}"}, 404)
        elif not order:
            self._answer({"error": "an order is one line of text"}, 400)
        else:
            try:
                found = change(order)
            except OSError as error:
                self._answer({"error": f"the ledger cannot be used: {error.strerror}"}, 500)
                return
            if found:
                self._answer({"version": self.server.tariff.version, word: order}, status)
            else:
                self._answer({"error": f"there is no order {order}"}, 404)

    def _quote(self, grams: int) -> dict[str, Any]:
        found = self.server.tariff.quote(grams)
        seal = hashlib.pbkdf2_hmac("sha256", json.dumps(found).encode(), b"tariff", SEAL_ROUNDS)
        return {**found, "seal": seal.hex()[:8]}

    def _answer(self, said: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(said).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Questions are not worth a line each."""


def serve(tariff: Tariff) -> None:
    """Serve until SIGTERM or Ctrl-C; end at once, with every reason, when something is in the way."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    server = Server(tariff)
    if problems := server.open():
        for problem in problems:
            say(f"tariff {tariff.version} {problem}")
        raise SystemExit(1)
    say(f"tariff {tariff.version} with {tariff.library} listens on port {PORT}, ledger {LEDGER}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=server.pace.keep, daemon=True).start()
    say(f"{signal.Signals(signal.sigwait(ends)).name}: ending")
