#!/usr/bin/python3
"""Cruncher, the noisy neighbour: sums up old parcels, and uses all the memory and CPU that it gets.

It uses a lot, but is safe on any machine that can run the course:
- its worker stops growing at a third of the free memory, never below 700 MB or above 1200 MB;
- it computes with one thread for each core, at most eight, for 25 seconds, frees everything, and rests for 15;
- after ten rounds, about seven minutes, it is idle until it is asked or started again.

The service answers on port 7070 and starts a worker for each round, however the last one ended.
  GET  /        what it is doing, how much its worker holds, how often and when a worker was killed
  POST /again   another ten rounds, the first at once
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any

PORT = 7070
MIB = 1 << 20
CHUNK_MB = 8
CHUNK_EVERY = 0.1
SAID_EVERY_MB = 64
ROUND_SECONDS = 25.0
REST_SECONDS = 15.0
FIRST_AFTER = 3.0
ROUNDS = 10
THREADS = min(os.cpu_count() or 1, 8)


def ceiling_mb() -> int:
    """Return how much a worker may take: a third of what is free, within 700 and 1200."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return min(1200, max(700, int(line.split()[1]) // 1024 // 3))
    return 700


def say(text: str) -> None:
    """Write one line to standard output, where a container's logs belong."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# -- the worker: grows and computes until its round is over, or until the kernel ends it ---------------------


def work(ceiling: int) -> None:
    """Take memory up to the ceiling, tell of each step, and keep every core busy with what was taken."""
    # Should memory run out, the kernel is to choose this process, not the one that answers.
    Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    service = os.getppid()
    ends = time.monotonic() + ROUND_SECONDS
    chunks: list[bytes] = []
    for _ in range(THREADS):
        threading.Thread(target=_sum_up, args=(chunks,), daemon=True).start()
    while time.monotonic() < ends and os.getppid() == service:
        if len(chunks) * CHUNK_MB < ceiling:
            chunks.append(os.urandom(4096) * (CHUNK_MB * MIB // 4096))
            sys.stdout.write(f"{len(chunks) * CHUNK_MB}\n")
            sys.stdout.flush()
        time.sleep(CHUNK_EVERY)
    os._exit(0)


def _sum_up(chunks: list[bytes]) -> None:
    while True:
        # hashlib lets other threads run while it works through a large block, so each thread fills a core.
        hashlib.sha256(chunks[-1] if chunks else bytes(MIB)).digest()


# -- the main process ----------------------------------------------------------------------------------------


class Rounds:
    """Runs the worker, round after round, and knows how each went."""

    def __init__(self) -> None:
        self._left = ROUNDS
        self._again = threading.Event()
        self._worker: subprocess.Popen[str] | None = None
        self.ceiling = ceiling_mb()
        self.round = 0
        self.holds = 0
        self.killed = 0
        self.last_killed: float | None = None

    @property
    def state(self) -> str:
        """What is going on, in one word."""
        if self._worker:
            return "crunching"
        return "resting" if self._left else "quiet"

    def ask_again(self) -> None:
        """Begin another set of rounds, at once unless one is running."""
        self._left = ROUNDS
        self._again.set()

    def run(self) -> None:
        """Run rounds without end: work, rest, and stay idle when the set is done."""
        self._again.wait(FIRST_AFTER)
        while True:
            self._again.clear()
            self._left -= 1
            self._one_round()
            self._again.wait(REST_SECONDS if self._left else None)

    def end(self) -> None:
        """End the worker."""
        if worker := self._worker:
            worker.kill()

    def _one_round(self) -> None:
        self.round += 1
        say(f"round {self.round}: begins, with {THREADS} threads, up to {self.ceiling} MB")
        command = [sys.executable, "-I", "-S", __file__, "work", str(self.ceiling)]
        self._worker = worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in worker.stdout or ():
            self.holds = int(line)
            if self.holds % SAID_EVERY_MB == 0:
                say(f"round {self.round}: holds {self.holds} MB")
        code = worker.wait()
        held, self.holds, self._worker = self.holds, 0, None
        if code == -signal.SIGKILL:
            self.killed += 1
            self.last_killed = time.time()
            say(f"round {self.round}: the worker was killed by signal 9 while it held {held} MB")
        elif code:
            say(f"round {self.round}: the worker failed with status {code} while it held {held} MB")
        else:
            say(f"round {self.round}: done, gave {held} MB back")


class Server(ThreadingMixIn, HTTPServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    rounds: Rounds

    def server_bind(self) -> None:
        """Bind without asking the name service who this machine is."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "cruncher", PORT

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no event."""


class Handler(BaseHTTPRequestHandler):
    """Turns paths into answers."""

    server: Server

    def do_GET(self) -> None:
        """Say what is going on."""
        rounds = self.server.rounds
        if self.path not in {"/", "/healthz"}:
            self._answer({"error": f"there is nothing at {self.path}"}, 404)
            return
        self._answer(
            {
                "service": "cruncher",
                "version": "1.0",
                "container": socket.gethostname(),
                "state": rounds.state,
                "round": rounds.round,
                "holds_mb": rounds.holds,
                "ceiling_mb": rounds.ceiling,
                "threads": THREADS,
                "killed": rounds.killed,
                "last_killed": rounds.last_killed,
            }
        )

    def do_POST(self) -> None:
        """Begin again."""
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1024))
        if self.path != "/again":
            self._answer({"error": f"there is nothing at {self.path}"}, 404)
            return
        self.server.rounds.ask_again()
        self._answer({"state": "again"}, 202)

    def _answer(self, said: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(said).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Questions are not worth a line each."""


def main() -> None:
    """Serve until SIGTERM or Ctrl-C, while the rounds go on in a thread of their own."""
    try:
        # Inside a container every address is its own.
        server = Server(("0.0.0.0", PORT), Handler)  # noqa: S104
    except OSError as error:
        say(f"cruncher cannot listen on port {PORT}: {error.strerror}")
        raise SystemExit(1) from None
    server.rounds = Rounds()

    def end(signum: int, frame: object) -> None:  # noqa: ARG001 - the signal module's names
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(f"cruncher answers on port {PORT}")
    threading.Thread(target=server.rounds.run, daemon=True).start()
    try:
        while True:
            signal.pause()
    finally:
        server.rounds.end()
        say("ending")


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(int(sys.argv[2]))
    else:
        main()
