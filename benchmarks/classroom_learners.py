"""Simulated learners of a class: each has a TLS connection that stays open, and posts as a learner's machine does.

They share this machine with the server. So that their own waiting does not count as the server's, the time of an answer
is taken from two moments: right before the request is given to the kernel, and when the kernel got the last bytes of the answer,
by its own time stamp of them (socket(7), SO_TIMESTAMPNS). What this process does before and after that is in neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
import ssl
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checker.classroom.protocol import SEAL, Batch, CheckState, Item, ItemKind, Joined, seal
from checker.classroom.submission import digest
from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.results import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.classroom.protocol import Invitation

ROOT = Path(__file__).resolve().parent.parent

EVERY = 5.0
"""How often a learner posts, one second more or less; a real machine waits for 5 to 7 s (checker.classroom.calling)."""

JOIN_SECONDS = 30.0
DRAIN_SECONDS = 60.0
REQUEST_SECONDS = 20.0
LOOK_SECONDS = 0.05
"""How often this process looks how late it is itself."""

STAMP = 35 if sys.platform == "linux" else 0
"""SO_TIMESTAMPNS (asm-generic/socket.h); Python has no name for it."""


@dataclass
class Learner:
    """One simulated learner."""

    number: int
    line: Line
    joined: Joined | None = None
    made: int = 0
    acked: int = 0
    waiting: list[Item] = field(default_factory=list)


@dataclass
class Seen:
    """What was measured, in seconds."""

    posts: list[float] = field(default_factory=list)
    joins: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    """Opening a connection: what both sides do until it is encrypted."""
    lag: list[float] = field(default_factory=list)
    """How late this process was itself."""
    shown: list[float] = field(default_factory=list)
    """From an answer until the board's stream had the news of it."""
    failed: int = 0
    late: int = 0


_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname = False
_CONTEXT.verify_mode = ssl.CERT_NONE


class Line:
    """A learner's connection, which stays open from one request to the next, as `checker.classroom.calling.Line` does.

    It encrypts by itself, because neither asyncio's streams nor `ssl.SSLSocket` give the time stamps of what was read.

    Args:
        to: the class.
        opened: gets the seconds that each opening took.
    """

    def __init__(self, to: Invitation, opened: list[float]) -> None:
        self._to = to
        self._opened = opened
        self._socket: socket.socket | None = None
        self._arrived = 0

    async def ask(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, float]:
        """Send one request, and return status, body and the seconds until the last byte of the answer was here."""
        again = self._socket is not None
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                try:
                    return await self._ask(path, body, headers)
                except (ConnectionError, EOFError):
                    if not again:
                        raise
                    self.close()
                    return await self._ask(path, body, headers)
        except BaseException:
            self.close()
            raise

    async def _ask(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, float]:
        if self._socket is None:
            start = time.monotonic()
            await self._open()
            self._opened.append(time.monotonic() - start)
        lines = [f"POST {path} HTTP/1.1", "Host: class", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        self._tls.write(head.encode() + body)
        data = self._out.read()
        sent = time.time_ns()
        await self._send(data)
        answer = await self._read(
            b"", lambda found: found.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in found else 0
        )
        end = answer.index(b"\r\n\r\n") + 4
        top = answer[:end].decode("latin-1")
        length = re.search(r"content-length: (\d+)", top, re.IGNORECASE)
        whole = end + (int(length[1]) if length else 0)
        answer = await self._read(answer, lambda _: whole)
        return int(top.split(" ", 2)[1]), answer[end:whole], (self._arrived - sent) / 1e9

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._socket = socket.socket()
        self._socket.setblocking(False)  # noqa: FBT003 - its name says it
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if STAMP:
            self._socket.setsockopt(socket.SOL_SOCKET, STAMP, 1)
        await loop.sock_connect(self._socket, (self._to.host, self._to.port))
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _CONTEXT.wrap_bio(self._in, self._out)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._send(self._out.read())
                await self._more()
        await self._send(self._out.read())
        if not self._to.server.is_of(self._tls.getpeercert(binary_form=True) or b""):
            raise ConnectionError("another certificate")

    async def _send(self, data: bytes) -> None:
        assert self._socket is not None  # noqa: S101 - it was opened before
        if data:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def _read(self, found: bytes, wanted: Callable[[bytes], int]) -> bytes:
        """Read until as many bytes are there as `wanted` says of what was found; while that is 0, go on."""
        while not wanted(found) or len(found) < wanted(found):
            try:
                data = self._tls.read(65536)
            except ssl.SSLWantReadError:
                await self._more()
                continue
            if not data:
                raise EOFError
            found += data
        return found

    async def _more(self) -> None:
        """Wait until something arrives, and note when it did."""
        assert self._socket is not None  # noqa: S101 - it was opened before
        loop = asyncio.get_running_loop()
        there: asyncio.Future[None] = loop.create_future()
        number = self._socket.fileno()
        loop.add_reader(number, _set, there)
        try:
            await there
        finally:
            loop.remove_reader(number)
        if STAMP:
            data, notes, _, _ = self._socket.recvmsg(65536, 64)
        else:
            data, notes = self._socket.recv(65536), []
        if not data:
            raise EOFError
        self._arrived = time.time_ns()
        for _, kind, note in notes:
            if kind == STAMP:
                seconds, rest = struct.unpack("qq", note[:16])
                self._arrived = seconds * 1_000_000_000 + rest
        self._in.write(data)

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def _set(there: asyncio.Future[None]) -> None:
    if not there.done():
        there.set_result(None)


class Class:
    """The simulated class."""

    def __init__(self, to: Invitation, learners: int) -> None:
        lab = Catalogue(find(ROOT)).find("3")
        self.to = to
        self.seen = Seen()
        self.learners = [Learner(number, Line(to, self.seen.opened)) for number in range(learners)]
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
        self.told: dict[str, tuple[int, float]] = {}
        """The last answer to each learner that the board has not shown yet: how many items, and when."""

    async def run(self, seconds: float) -> None:
        """Let everybody join and post for a number of seconds, then send what still waits."""
        looking = asyncio.create_task(self._look())
        await asyncio.gather(*(self._live(each, seconds) for each in self.learners))
        looking.cancel()
        for each in self.learners:
            each.line.close()

    async def _look(self) -> None:
        while True:
            start = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            self.seen.lag.append(time.monotonic() - start - LOOK_SECONDS)

    async def _live(self, who: Learner, seconds: float) -> None:
        # Different for each learner, the same in each run.
        chance = random.Random(who.number)  # noqa: S311 - not a secret
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
        body = json.dumps(
            {"code": self.to.code, "name": f"Learner {who.number:04}", "machine": f"machine-{who.number:012}"}
        ).encode()
        try:
            status, data, seconds = await who.line.ask("/join", body, {})
        except (OSError, TimeoutError, EOFError):
            self.seen.failed += 1
            await asyncio.sleep(1)
            return
        if status == 200:
            self.seen.joins.append(seconds)
            who.joined = msgspec.json.decode(data, type=Joined)

    async def _post(self, who: Learner) -> None:
        if who.joined is None:
            return
        items = tuple(who.waiting[:50])
        body = msgspec.json.encode(Batch(learner=who.joined.learner, seq_from=who.acked + 1, items=items))
        sealed = seal(who.joined.secret, who.joined.nonce, body)
        try:
            status, data, seconds = await who.line.ask("/events", body, {SEAL: sealed})
        except (OSError, TimeoutError, EOFError):
            self.seen.failed += 1
            return
        if status != 200:
            self.seen.late += 1
            return
        self.seen.posts.append(seconds)
        acked = int(json.loads(data)["seq_acked"])
        del who.waiting[: acked - who.acked]
        who.acked = acked
        self.told.setdefault(who.joined.learner, (acked, time.monotonic()))

    async def watch_board(self, place: str, token: str) -> None:
        """Read the board's stream as its page does, until cancelled; a server that was restarted is asked again."""
        while True:
            with contextlib.suppress(OSError, EOFError):
                await self._watch(place, token)
            await asyncio.sleep(0.5)

    async def _watch(self, place: str, token: str) -> None:
        host, _, port = place.rpartition("//")[2].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
        try:
            head = f"GET /api/stream HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(head.encode())
            while line := await reader.readuntil(b"\n"):
                if line.startswith(b"data: "):
                    self._show(msgspec.json.decode(line[6:], type=_Told))
        finally:
            writer.close()

    def _show(self, state: _Told) -> None:
        now = time.monotonic()
        for row in state.rows:
            acked, at = self.told.get(row.id, (0, 0.0))
            if acked and row.tries >= acked:
                self.seen.shown.append(now - at)
                del self.told[row.id]


class _Row(msgspec.Struct):
    id: str
    tries: int


class _Told(msgspec.Struct):
    rows: list[_Row]
