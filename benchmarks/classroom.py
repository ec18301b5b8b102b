#!/usr/bin/env python3
"""Prints how a class's server does with many simulated learners on this machine's loopback; it asserts nothing.

    .venv/bin/python benchmarks/classroom.py                                500 learners for a minute
    .venv/bin/python benchmarks/classroom.py --learners 100 --seconds 300   others, for longer
    .venv/bin/python benchmarks/classroom.py --no-kill                      without killing the server once

Each learner joins, then posts what happened every five seconds over a TLS connection that stays open, as a learner's
machine does. In the middle, the server is ended with SIGKILL and started again. At the end, what is on its disk is compared with
what was sent. The learners are simulated by one process on the same machine, whose work counts in the times.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import random
import re
import signal
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402 - the checkout comes first on the path

from checker.classroom.protocol import (  # noqa: E402
    SEAL,
    Batch,
    CheckState,
    Invitation,
    Item,
    ItemKind,
    Joined,
    invitation,
    seal,
)
from checker.classroom.submission import digest  # noqa: E402
from checker.course.catalogue import Catalogue  # noqa: E402
from checker.course.places import find  # noqa: E402
from checker.results import Status  # noqa: E402

EVERY = 5.0
JOIN_SECONDS = 30.0
DRAIN_SECONDS = 60.0
REQUEST_SECONDS = 20.0


@dataclass
class Learner:
    """One simulated learner."""

    number: int
    joined: Joined | None = None
    made: int = 0
    acked: int = 0
    waiting: list[Item] = field(default_factory=list)
    line: Line | None = None


@dataclass
class Seen:
    """What was measured, in seconds."""

    posts: list[float] = field(default_factory=list)
    joins: list[float] = field(default_factory=list)
    failed: int = 0
    late: int = 0


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
            self.wal = max(self.wal, (self._state / "class" / "register.sqlite3-wal").stat().st_size)

    def kill(self) -> None:
        """End it without a chance to write anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname = False
_CONTEXT.verify_mode = ssl.CERT_NONE


class Line:
    """A learner's connection, which stays open from one request to the next, as `checker.classroom.calling.Line` does."""

    def __init__(self, to: Invitation) -> None:
        self._to = to
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send one request, and return status and body."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self._ask(path, body, headers)
        except BaseException:
            self.close()
            raise

    async def _ask(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._to.host, self._to.port, ssl=_CONTEXT)
            found = self._streams[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
            if not self._to.server.is_of(found):
                raise ConnectionError("another certificate")
        reader, writer = self._streams
        lines = [f"POST {path} HTTP/1.1", "Host: class", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        writer.write(head.encode() + body)
        await writer.drain()
        top = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: (\d+)", top, re.IGNORECASE)
        data = await reader.readexactly(int(length[1])) if length else b""
        return int(top.split(" ", 2)[1]), data

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


class Class:
    """The simulated class."""

    def __init__(self, to: Invitation, learners: int) -> None:
        lab = Catalogue(find(ROOT)).find("3")
        self.to = to
        self.seen = Seen()
        self.learners = [Learner(number) for number in range(learners)]
        self._over = False
        self._checks = tuple(
            CheckState(
                id=name,
                state=Status.FAILED,
                reason="benchmark:1",
                said="It is not so, for a reason of one line.",
            )
            for name in lab.check_ids
        )
        self._lab, self._digest = lab.slug, digest(lab)

    async def run(self, seconds: float) -> None:
        """Let everybody join and post for a number of seconds, then send what still waits."""
        await asyncio.gather(*(self._live(each, seconds) for each in self.learners))

    async def _live(self, who: Learner, seconds: float) -> None:
        # Different for each learner, the same in each run.
        chance = random.Random(who.number)  # noqa: S311 - not a secret
        who.line = Line(self.to)
        await asyncio.sleep(chance.uniform(0, JOIN_SECONDS))
        while who.joined is None:
            await self._join(who)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(EVERY + chance.uniform(-1, 1))
            who.made += 1
            who.waiting.append(
                Item(
                    kind=ItemKind.VERDICT,
                    at=str(who.made),
                    lab=self._lab,
                    course=self._digest,
                    checks=self._checks,
                )
            )
            await self._post(who)
        late = time.monotonic() + DRAIN_SECONDS
        while who.waiting and time.monotonic() < late:
            await asyncio.sleep(1 + chance.random())
            await self._post(who)

    async def _join(self, who: Learner) -> None:
        line = who.line or Line(self.to)
        body = json.dumps(
            {"code": self.to.code, "name": f"Learner {who.number:04}", "machine": f"machine-{who.number:012}"}
        ).encode()
        start = time.monotonic()
        try:
            status, data = await line.ask("/join", body, {})
        except (OSError, TimeoutError, EOFError):
            self.seen.failed += 1
            await asyncio.sleep(1)
            return
        if status == 200:
            self.seen.joins.append(time.monotonic() - start)
            who.joined = msgspec.json.decode(data, type=Joined)

    async def _post(self, who: Learner) -> None:
        if who.joined is None or who.line is None:
            return
        items = tuple(who.waiting[:50])
        body = msgspec.json.encode(Batch(learner=who.joined.learner, seq_from=who.acked + 1, items=items))
        start = time.monotonic()
        try:
            sealed = seal(who.joined.secret, who.joined.nonce, body)
            status, data = await who.line.ask("/events", body, {SEAL: sealed})
        except (OSError, TimeoutError, EOFError):
            self.seen.failed += 1
            return
        if status != 200:
            self.seen.late += 1
            return
        self.seen.posts.append(time.monotonic() - start)
        acked = int(json.loads(data)["seq_acked"])
        del who.waiting[: acked - who.acked]
        who.acked = acked


async def watch(server: Server, to: Class, args: argparse.Namespace) -> dict[str, Any]:
    """Let the class run; look at the server meanwhile, and kill it once in the middle."""
    running = asyncio.create_task(to.run(args.seconds))
    killed_at = time.monotonic() + JOIN_SECONDS + args.seconds / 2 if args.kill else float("inf")
    facts: dict[str, Any] = {}
    while not running.done():
        await asyncio.wait({running}, timeout=1)
        server.look()
        if time.monotonic() >= killed_at:
            killed_at = float("inf")
            server.kill()
            start = time.monotonic()
            await asyncio.to_thread(server.start)
            facts["restart_s"] = time.monotonic() - start
    running.result()
    return facts


def board(server: Server) -> tuple[float, int, int]:
    """Ask the board for everything; return seconds, bytes and learners."""
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", int(server.board.rpartition(":")[2]), timeout=30)
    connection.request("GET", "/api/state", headers={"Authorization": f"Bearer {server.token}"})
    data = connection.getresponse().read()
    connection.close()
    return time.monotonic() - start, len(data), len(json.loads(data)["rows"])


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
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drydock-class-") as folder:
        state = Path(folder)
        server = Server(state, "--no-pages")
        begun = os.getloadavg()[0]
        the = Class(server.start(), args.learners)
        try:
            facts = asyncio.run(watch(server, the, args))
            seconds, size, rows = board(server)
        finally:
            server.end()
        there, lost, twice = compare(state / "class" / "register.sqlite3", the.learners)
    print(
        f"{args.learners} learners, {args.seconds:.0f} s each, every {EVERY:.0f} s; load {begun:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} processors"
    )
    print(f"join           {spread(the.seen.joins)}")
    print(f"post           {spread(the.seen.posts)}")
    print(f"not answered   {the.seen.failed}, refused for now {the.seen.late}")
    if facts:
        print(f"after SIGKILL  listening again in {facts['restart_s']:.1f} s")
    print(f"on disk        {there} items, {lost} lost, {twice} twice")
    print(f"server         {server.peak_kb / 1000:.0f} MB at most, its log {server.wal / 1e6:.1f} MB at most")
    asked = len(the.seen.posts) + len(the.seen.joins)
    if asked:
        used = sum(server.cpu.values())
        print(
            f"processor      {used:.1f} s for {asked} requests: {used / asked * 1000:.1f} ms each, starts included"
        )
    print(f"board          {rows} rows in {seconds * 1000:.0f} ms, {size / 1000:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
