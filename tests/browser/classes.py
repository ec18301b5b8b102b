"""A class that is held for a browser, and machines that join it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checker.classroom.calling import ask
from checker.classroom.protocol import SEAL, Batch, Item, Joined, Joining, seal
from checker.classroom.serving import serve
from checker.course.catalogue import Catalogue
from checker.course.places import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.classroom.serving import Opened

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def holding(folder: Path, name: str) -> Iterator[Opened]:
    """Hold a class on loopback in a thread while the block runs."""
    ready: list[Opened] = []
    began = threading.Event()
    ended: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def tell(found: Opened) -> None:
        ready.append(found)
        began.set()

    async def hold() -> None:
        stop = asyncio.Event()
        ended.append((asyncio.get_running_loop(), stop))
        await serve(folder, Catalogue(find(ROOT)), address="127.0.0.1", name=name, tell=tell, ended=stop)

    thread = threading.Thread(target=lambda: asyncio.run(hold()), daemon=True)
    thread.start()
    assert began.wait(60)
    try:
        yield ready[0]
    finally:
        loop, stop = ended[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


def post(opened: Opened, name: str, *items: Item) -> None:
    """Let a machine join under a name, and send something."""
    to = opened.invitation
    joining = Joining(code=to.code, name=name, machine=secrets.token_hex(16))
    who = msgspec.json.decode(ask(to, "POST", "/join", msgspec.json.encode(joining)).body, type=Joined)
    body = msgspec.json.encode(Batch(learner=who.learner, seq_from=1, items=items))
    assert ask(to, "POST", "/events", body, {SEAL: seal(who.secret, who.nonce, body)}).status == 200
