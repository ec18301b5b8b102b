"""What goes over the terminal's WebSocket: a first frame with the token, then keys one way and bytes the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.websockets import WebSocket

    from checker.live.service import Service
    from checker.live.terminal import Terminal

HELLO_SECONDS = 2.0
"""How long a page may take to send its token; nothing is started before."""

FRAME_BYTES = 32 * 1024
"""The most that one frame to the page has."""

NO_TOKEN, NO_LAB, TAKEN, ENDED = 4401, 4404, 4409, 4410
"""Why the service closes a connection."""

MOST_COLUMNS, MOST_ROWS = 500, 300


async def serve_terminal(socket: WebSocket, service: Service, is_token: Callable[[str], bool]) -> None:
    """Connect one page to the terminal of one lab, until either leaves.

    Args:
        socket: the page; its origin was checked.
        service: whose terminals.
        is_token: whether a text is the token.
    """
    await socket.accept()
    hello = await _hello(socket)
    if hello is None or not is_token(str(hello.get("token", ""))):
        await socket.close(NO_TOKEN)
        return
    columns, rows = _size(hello)
    try:
        terminal = await run_in_threadpool(service.terminal, str(socket.path_params["lab"]), columns, rows)
    except LabError as error:
        await socket.send_json({"t": "end", "reason": f"{error.what} {error.remedy}".strip()})
        await socket.close(NO_LAB)
        return
    page = _Page(socket, terminal, hello)
    await run_in_threadpool(terminal.resize, columns, rows)
    await page.serve()


async def _hello(socket: WebSocket) -> dict[str, Any] | None:
    """Return the first frame, if it comes in time and is what it should be."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, ValueError, KeyError):
        found = json.loads(await asyncio.wait_for(socket.receive_text(), HELLO_SECONDS))
        if isinstance(found, dict) and found.get("t") == "hello":
            return found
    return None


def _size(frame: dict[str, Any]) -> tuple[int, int]:
    def limited(value: Any, usual: int, most: int) -> int:
        return min(max(value, 2), most) if isinstance(value, int) else usual

    return limited(frame.get("cols"), 80, MOST_COLUMNS), limited(frame.get("rows"), 24, MOST_ROWS)


class _Page:
    """A page at a terminal."""

    def __init__(self, socket: WebSocket, terminal: Terminal, hello: dict[str, Any]) -> None:
        self._socket = socket
        self._terminal = terminal
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._taken = False
        seq = hello.get("seq")
        # Another shell than the one that the page has seen: its numbers mean nothing here.
        known = isinstance(seq, int) and hello.get("shell") == terminal.name
        self._seq = terminal.attach(seq if known and isinstance(seq, int) else 0)

    async def serve(self) -> None:
        """Pass on what is typed and what is written."""
        terminal = self._terminal
        before, terminal.taken = terminal.taken, self._take_away
        if before is not None:
            before()
        terminal.tell = self._tell
        await self._socket.send_json({"t": "ready", "seq": self._seq, "shell": terminal.name})
        reading = asyncio.ensure_future(self._read())
        writing = asyncio.ensure_future(self._write())
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, writing):
                task.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
            if not self._taken:
                terminal.taken = None
                terminal.tell = _nobody
                await run_in_threadpool(terminal.detach)

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake.set)

    def _take_away(self) -> None:
        self._taken = True
        self._wake.set()

    async def _read(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, KeyError):
            while True:
                text = await self._socket.receive_text()
                try:
                    frame = json.loads(text)
                except (ValueError, RecursionError):
                    continue
                if isinstance(frame, dict) and not self._taken:
                    await run_in_threadpool(self._obey, frame)

    def _obey(self, frame: dict[str, Any]) -> None:
        kind = frame.get("t")
        if kind == "in" and isinstance(frame.get("d"), str):
            self._terminal.send(frame["d"].encode(errors="ignore"))
        elif kind == "size":
            self._terminal.resize(*_size(frame))
        elif kind == "ack" and isinstance(frame.get("n"), int):
            self._terminal.acknowledge(frame["n"])

    async def _write(self) -> None:
        terminal = self._terminal
        ran, before = 0, len(terminal.statuses())
        while not self._taken:
            self._wake.clear()
            data = terminal.since(self._seq)
            # What is no longer kept is gone; each frame says where it goes on.
            self._seq = max(self._seq, terminal.seq - len(data)) if data else self._seq
            for start in range(0, len(data), FRAME_BYTES):
                part = data[start : start + FRAME_BYTES]
                await self._socket.send_bytes(struct.pack(">Q", self._seq) + part)
                self._seq += len(part)
            for block, status in terminal.statuses(ran):
                # A page that comes back marks what was run before, and says nothing about it.
                if block:
                    await self._socket.send_json(
                        {"t": "ran", "block": block, "status": status, "old": ran < before}
                    )
                ran += 1
            if terminal.ended and self._seq >= terminal.seq:
                await self._socket.send_json({"t": "end", "reason": terminal.ended})
                await self._socket.close(ENDED)
                return
            await self._wake.wait()
        await self._socket.send_json({"t": "taken"})
        await self._socket.close(TAKEN)


def _nobody() -> None:
    """Tell nobody."""
