"""A class for tests: its room with a clock that the test moves, asked through its two doors."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from checker.classroom.board import Board
from checker.classroom.doors import lan
from checker.classroom.known import Known, Mistake
from checker.classroom.protocol import LEARNER, SEAL, Batch, CheckState, Item, ItemKind, Joined, seal
from checker.classroom.register import Register
from checker.classroom.room import Room
from checker.classroom.serving import serve
from checker.results import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from checker.classroom.serving import Opened
    from checker.classroom.shelf import Shelf
    from checker.course.catalogue import Catalogue

PORT = 4711
TOKEN = "token-of-the-board"  # noqa: S105 - of a test
INVITATION = "192.0.2.7:8443/ABCDEFGH/" + "A" * 52

LAB = Known(
    slug="03-isolation",
    title="Isolation",
    digest="d" * 64,
    checks=("v1-answers", "v2-answers", "others-hold"),
    steps={"v1-answers": 1, "v2-answers": 1, "others-hold": 2},
    step_titles=("Side by side", "Nobody harmed"),
    mistakes=(Mistake("v1-answers", "nobody listens on port", "Only exposed", "M3: exposed is published"),),
    section="What goes wrong",
)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def verdict(
    *passed: str, reason: str = "t:1", said: str = "Nobody listens on port 8091.", **changes: Any
) -> Item:
    """Return a verdict on the lab; checks that are not named fail."""
    checks = tuple(
        CheckState(id=name, state=Status.PASSED)
        if name in passed
        else CheckState(id=name, state=Status.FAILED, reason=reason, said=said)
        for name in LAB.checks
    )
    usual: dict[str, Any] = {
        "kind": ItemKind.VERDICT,
        "lab": LAB.slug,
        "course": LAB.digest,
        "checks": checks,
    }
    return Item(**{**usual, **changes})


class Class:
    """A class in a test, and what its doors answer."""

    def __init__(self, room: Room, clock: Clock, shelf: Shelf | None = None) -> None:
        self.room = room
        self.clock = clock
        self.network = httpx.AsyncClient(
            transport=httpx.ASGITransport(
                lan(room, shelf), client=("10.0.0.9", 1), raise_app_exceptions=False
            ),
            base_url="https://class.test",
        )
        board = Board(room, INVITATION).app(port=PORT, token=TOKEN)
        self.own = httpx.AsyncClient(
            transport=httpx.ASGITransport(board, raise_app_exceptions=False),
            base_url=f"http://127.0.0.1:{PORT}",
            headers={"Authorization": f"Bearer {TOKEN}", "Origin": f"http://127.0.0.1:{PORT}"},
        )

    async def join(self, name: str, machine: str = "", code: str = "") -> httpx.Response:
        """Ask to join."""
        body = {
            "code": code or self.room.about.code,
            "name": name,
            "machine": machine or f"machine of {name:>16}"[:64],
        }
        return await self.network.post("/join", json=body)

    async def joined(self, name: str, machine: str = "") -> Joined:
        """Join, and return what the class answered."""
        response = await self.join(name, machine)
        assert response.status_code == 200, response.text
        return msgspec.json.decode(response.content, type=Joined)

    async def post(
        self, who: Joined, *items: Item, seq: int = 1, secret: str = "", nonce: str = "", body: bytes = b""
    ) -> httpx.Response:
        """Post a batch, a second after the last one."""
        self.clock.now += 1
        data = body or msgspec.json.encode(Batch(learner=who.learner, seq_from=seq, items=items))
        sealed = seal(secret or who.secret, nonce or who.nonce, data)
        return await self.network.post(
            "/events", content=data, headers={SEAL: sealed, "Content-Type": "application/json"}
        )

    async def me(self, who: Joined, *, of: str = "") -> httpx.Response:
        """Ask what the class knows."""
        headers = {LEARNER: of or who.learner, SEAL: seal(who.secret, who.nonce, b"/me")}
        return await self.network.get("/me", headers=headers)

    async def state(self) -> dict[str, Any]:
        """Return what the board shows."""
        response = await self.own.get("/api/state")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found


class Held:
    """A class that is held in a thread, until it is ended."""

    def __init__(
        self, folder: Path, catalogue: Catalogue, shelf: Shelf | None = None, *, own_values: bool = False
    ) -> None:
        self._own_values = own_values
        self._folder = folder
        self._catalogue = catalogue
        self._shelf = shelf
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self.opened: Opened
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def _run(self) -> None:
        async def hold() -> None:
            self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
            await serve(
                self._folder,
                self._catalogue,
                address="127.0.0.1",
                name="Monday",
                tell=self._tell,
                shelf=self._shelf,
                own_values=self._own_values,
                ended=self._ended,
            )

        asyncio.run(hold())

    def _tell(self, opened: Opened) -> None:
        self.opened = opened
        self._ready.set()

    def end(self) -> None:
        """End it, as Ctrl-C would."""
        assert self._loop is not None
        assert self._ended is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def state(self) -> dict[str, Any]:
        """Return what the board shows."""
        url, _, token = self.opened.board.partition("/#t=")
        response = httpx.get(f"{url}/api/state", headers={"Authorization": f"Bearer {token}"}, timeout=10)
        found: dict[str, Any] = response.raise_for_status().json()
        return found


@contextlib.asynccontextmanager
async def opened(file: Path, clock: Clock | None = None, shelf: Shelf | None = None) -> AsyncIterator[Class]:
    """Open a class from its file, and close it."""
    kept = Register(file, "Monday")
    moving = clock or Clock()
    room = Room(kept, {LAB.slug: LAB}, moving)
    room.open()
    found = Class(room, moving, shelf)
    try:
        yield found
    finally:
        await found.network.aclose()
        await found.own.aclose()
        kept.close()


def in_class(
    tmp_path: Path, body: Callable[[Class], Coroutine[Any, Any, None]], shelf: Shelf | None = None
) -> None:
    """Run a test's body in a class of its own."""

    async def run() -> None:
        async with opened(tmp_path / "register.sqlite3", shelf=shelf) as found:
            await body(found)

    asyncio.run(run())
