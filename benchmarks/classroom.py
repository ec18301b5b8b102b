#!/usr/bin/env python3
"""Prints how a class's server does with many simulated learners on this machine's loopback; it asserts nothing.

    .venv/bin/python benchmarks/classroom.py                                500 learners for a minute
    .venv/bin/python benchmarks/classroom.py --learners 100 --seconds 300   others, for longer
    .venv/bin/python benchmarks/classroom.py --no-kill                      without killing the server once
    .venv/bin/python benchmarks/classroom.py --browser                      and open the board in Chromium at the end

Each learner joins, then posts what happened every five seconds over a TLS connection that stays open, as a learner's
machine does, while the board's stream is read and its page is loaded now and then. In the middle, the server is ended with
SIGKILL: what it had acknowledged is compared with what is on its disk, then it is started again. At the end, what is on its
disk is compared with what was sent. The learners are one process on the same machine; `classroom_learners.py` says how its own
waiting is kept out of the times.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402 - the checkout comes first on the path

from benchmarks.classroom_learners import EVERY, JOIN_SECONDS, Class  # noqa: E402
from checker.classroom.protocol import Invitation, Item, invitation  # noqa: E402

if TYPE_CHECKING:
    from benchmarks.classroom_learners import Learner, Seen

PAGE_SECONDS = 10.0
"""How often the board's page is loaded."""

SETTLE_SECONDS = 0.3


@dataclass
class Facts:
    """What was seen of the server."""

    pages: list[float] = field(default_factory=list)
    load: float = 0.0
    restart: float = 0.0
    at_kill: tuple[int, int] = (0, 0)
    """How many items it had acknowledged when it was killed, and how many of them were not on its disk."""


@dataclass(frozen=True)
class Page:
    """The board's page, loaded: seconds, bytes and learners."""

    seconds: float
    size: int
    rows: int


class Server:
    """`lab class serve`.

    Args:
        state: its state folder.
        words: more words of the command.
        address: where it listens.
    """

    def __init__(self, state: Path, *words: str, address: str = "127.0.0.1") -> None:
        self._state = state
        self._words = (*words, "--address", address)
        self.port = 0
        self.peak_kb = 0
        self.wal = 0
        self.cpu: dict[int, float] = {}
        """The seconds of processor time that each process of it used, by its id."""
        self.began: dict[int, float] = {}
        """The same, until it listened."""
        self.waited: dict[int, float] = {}
        """The seconds that each process could have run, and had no processor."""
        self.register = state / "class" / "register.sqlite3"

    def start(self) -> Invitation:
        """Start it, and return the join string that it printed."""
        words = ["class", "serve", "--name", "benchmark", *self._words]
        if self.port:
            words += ["--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "checker", *words],
            cwd=ROOT,
            env={**os.environ, "DRYDOCK_STATE": str(self._state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # As in a terminal of its own: Linux divides processors among sessions (sched(7), autogroup), and the learners
            # are on other machines in a room.
            start_new_session=True,
        )
        text = ""
        for line in self.process.stdout or ():
            text += line
            if "Ctrl-C" in line:
                break
        board = re.search(r"(http://127[^/]*)/#t=(\S+)", text)
        join = re.search(r"lab class join (\S+)", text)
        if not board or not join:
            raise SystemExit(f"the server did not start:\n{text}")
        self.board, self.token = board.groups()
        found = invitation(join[1])
        self.port = found.port
        self.look()
        self.began[self.process.pid] = self.cpu.get(self.process.pid, 0.0)
        return found

    def look(self) -> None:
        """Note its memory and the size of its log."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
            if found := re.search(r"VmHWM:\s+(\d+)", status):
                self.peak_kb = max(self.peak_kb, int(found[1]))
            # proc(5): the name in brackets may have spaces; user and system time are fields 14 and 15.
            times = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
            self.cpu[self.process.pid] = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
            # Documentation/scheduler/sched-stats.rst: time on a processor, time waiting for one, in nanoseconds.
            waits = Path(f"/proc/{self.process.pid}/schedstat").read_text("ascii").split()
            self.waited[self.process.pid] = int(waits[1]) / 1e9
            self.wal = max(self.wal, Path(f"{self.register}-wal").stat().st_size)

    def kill(self) -> None:
        """End it without a chance to write anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


async def watch(server: Server, to: Class, args: argparse.Namespace) -> Facts:
    """Let the class run; look at the server and its board meanwhile, and kill it once in the middle."""
    facts = Facts()
    running = asyncio.create_task(to.run(args.seconds))
    board = asyncio.create_task(to.watch_board(server.board, server.token))
    killed_at = time.monotonic() + JOIN_SECONDS + args.seconds / 2 if args.kill else float("inf")
    page_at = time.monotonic() + JOIN_SECONDS
    while not running.done():
        await asyncio.wait({running}, timeout=1)
        server.look()
        facts.load = max(facts.load, os.getloadavg()[0])
        if time.monotonic() >= page_at:
            page_at = time.monotonic() + PAGE_SECONDS
            facts.pages.append((await asyncio.to_thread(page, server)).seconds)
        if time.monotonic() >= killed_at:
            killed_at = float("inf")
            server.look()
            server.kill()
            # What it had said is read; it says nothing more.
            await asyncio.sleep(SETTLE_SECONDS)
            said = {each.joined.learner: each.acked for each in to.learners if each.joined}
            facts.at_kill = acknowledged(server.register, said)
            start = time.monotonic()
            board.cancel()
            await asyncio.to_thread(server.start)
            facts.restart = time.monotonic() - start
            board = asyncio.create_task(to.watch_board(server.board, server.token))
    board.cancel()
    running.result()
    return facts


def acknowledged(file: Path, said: dict[str, int]) -> tuple[int, int]:
    """Return how many items a killed server had acknowledged, and how many of them are not on its disk.

    Args:
        file: the register; a copy of it and of its log is read, so that the server finds both as it left them.
        said: the last number that each learner was told.
    """
    with tempfile.TemporaryDirectory(prefix="drydock-killed-") as folder:
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(f"{file}{suffix}", folder)
        with contextlib.closing(sqlite3.connect(Path(folder, file.name))) as db:
            found: dict[str, set[int]] = {}
            for who, number in db.execute("SELECT learner, seq FROM event"):
                found.setdefault(who, set()).add(number)
    lost = sum(len(set(range(1, last + 1)) - found.get(who, set())) for who, last in said.items())
    return sum(said.values()), lost


def page(server: Server) -> Page:
    """Load the board as its page does: the files, the join string, and everything that its stream says first."""
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", int(server.board.rpartition(":")[2]), timeout=30)
    headers = {"Authorization": f"Bearer {server.token}"}
    size = 0
    for path in ("/", "/board.css", "/board.js", "/icon.svg", "/api/invitation"):
        connection.request("GET", path, headers=headers if path.startswith("/api") else {})
        size += len(connection.getresponse().read())
    connection.request("GET", "/api/stream", headers=headers)
    stream = connection.getresponse()
    while not (line := stream.readline()).startswith(b"data: "):
        pass
    seconds = time.monotonic() - start
    connection.close()
    return Page(seconds, size + len(line), len(json.loads(line[6:])["rows"]))


def shown(server: Server, rows: int) -> float:
    """Open the board in Chromium, and return the seconds until each learner has a row; nan without Chromium."""
    from checker.authoring.testing import find_browser  # noqa: PLC0415 - only with --browser

    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - `./lab test browser` installs it
    except ImportError:
        return float("nan")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        tab = browser.new_page()
        start = time.monotonic()
        tab.goto(f"{server.board}/#t={server.token}")
        tab.wait_for_function(f"document.querySelectorAll('#people tr').length >= {rows}", timeout=60_000)
        seconds = time.monotonic() - start
        browser.close()
    return seconds


def compare(file: Path, learners: list[Learner]) -> tuple[int, int, int]:
    """Return how many items are on disk, how many of those sent are missing, and how many are there twice."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        rows = list(db.execute("SELECT learner, seq, item FROM event ORDER BY learner, seq"))
    found: dict[str, list[int]] = {}
    for who, _, item in rows:
        found.setdefault(who, []).append(int(msgspec.json.decode(item, type=Item).at))
    lost = twice = 0
    for each in learners:
        numbers = found.get(each.joined.learner if each.joined else "", [])
        lost += len(set(range(1, each.made + 1)) - set(numbers))
        twice += len(numbers) - len(set(numbers))
    return len(rows), lost, twice


def spread(times: list[float]) -> str:
    """Return the median, the 99th percentile and the longest of some times, in milliseconds."""
    if len(times) < 2:
        return "none"
    ordered = sorted(times)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"median {statistics.median(times) * 1000:.0f} ms, p99 {high * 1000:.0f} ms, longest {ordered[-1] * 1000:.0f} ms ({len(times)})"


def main() -> int:
    """Measure once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--learners", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each learner posts")
    parser.add_argument("--no-kill", dest="kill", action="store_false", help="do not kill the server")
    parser.add_argument("--browser", action="store_true", help="also open the board in Chromium at the end")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drydock-class-") as folder:
        server = Server(Path(folder), "--no-pages")
        begun = os.getloadavg()[0]
        the = Class(server.start(), args.learners)
        own = time.process_time()
        try:
            facts = asyncio.run(watch(server, the, args))
            own = time.process_time() - own
            server.look()
            last = page(server)
            in_browser = [shown(server, last.rows) for _ in range(3)] if args.browser else []
        finally:
            server.end()
        there, lost, twice = compare(server.register, the.learners)
    _print(server, the.seen, facts)
    print(f"on disk        {there} items, {lost} lost, {twice} twice")
    print(
        f"page           {last.rows} rows, {last.size / 1000:.0f} KB; {spread([*facts.pages, last.seconds])}"
    )
    if in_browser:
        print(f"in Chromium    {spread(in_browser)} until every row is there")
    asked = len(the.seen.posts) + len(the.seen.joins)
    if asked:
        used, starts = sum(server.cpu.values()), sum(server.began.values())
        print(
            f"processor      {used - starts:.1f} s of the server for {asked} requests and the board: "
            f"{(used - starts) / asked * 1000:.2f} ms each; {starts:.1f} s more to start; the learners {own:.1f} s"
        )
        print(
            f"no processor   the server waited {sum(server.waited.values()):.1f} s for one, starts included"
        )
    print(
        f"{args.learners} learners, {args.seconds:.0f} s each, every {EVERY:.0f} s; load {begun:.1f} before, "
        f"{facts.load:.1f} at most, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} processors"
    )
    return 0


def _print(server: Server, seen: Seen, facts: Facts) -> None:
    print(f"join           {spread(seen.joins)}")
    print(f"post           {spread(seen.posts)}")
    print(f"connection     {spread(seen.opened)}, with the learners' own part")
    print(f"on the board   {spread(seen.shown)} after the answer")
    print(f"learners late  {spread(seen.lag)}; not in the times of answers")
    print(f"not answered   {seen.failed}, refused for now {seen.late}")
    if facts.restart:
        items, gone = facts.at_kill
        print(f"SIGKILL        {items} items were acknowledged, {gone} of them not on disk")
        print(f"after it       listening again in {facts.restart:.1f} s")
    print(f"server         {server.peak_kb / 1000:.0f} MB at most, its log {server.wal / 1e6:.1f} MB at most")


if __name__ == "__main__":
    sys.exit(main())
