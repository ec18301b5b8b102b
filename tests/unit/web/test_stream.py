"""A stream of events ends when it should: the page went, the page takes nothing, or there is no more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from checker.web import stream as streams
from checker.web.stream import Reader, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pytest


class Page:
    """A page that reads, until it is told to go or to stop reading."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.got: list[bytes] = []
        self.ended = False

    async def receive(self) -> dict[str, Any]:
        """Say that it goes, when it does."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take what it is sent, while it reads."""
        await self.reads.wait()
        if message["type"] == "http.response.body":
            self.got.append(message["body"])
            self.ended = not message.get("more_body", False)


def test_what_is_new_is_sent_and_the_end_closes_the_answer() -> None:
    async def run() -> Page:
        page = Page()

        async def news(_: Reader) -> AsyncGenerator[bytes]:
            yield b"one"
            yield b"two"

        await stream(page.receive, page.send, news)
        return page

    page = asyncio.run(run())
    assert page.got == [b"one", b"two", b""]
    assert page.ended


def test_a_page_that_goes_ends_a_wait_of_any_length() -> None:
    async def run() -> list[bool]:
        page = Page()
        waited = []

        async def news(reader: Reader) -> AsyncGenerator[bytes]:
            yield b"one"
            page.gone.set()
            waited.append(await reader.is_there(1e6))

        await asyncio.wait_for(stream(page.receive, page.send, news), 20)
        return waited

    assert asyncio.run(run()) == [False]


def test_an_event_ends_a_wait_and_the_page_is_still_there() -> None:
    async def run() -> bool:
        page, event = Page(), asyncio.Event()
        reader = Reader(page.receive)
        event.set()
        found = await asyncio.wait_for(reader.is_there(1e6, event), 20)
        reader.end()
        return found

    assert asyncio.run(run())


def test_a_page_that_takes_nothing_is_dropped_and_what_made_its_news_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "SEND_SECONDS", 0.01)

    async def run() -> tuple[Page, bool]:
        page, closed = Page(), False

        async def news(_: Reader) -> AsyncGenerator[bytes]:
            nonlocal closed
            try:
                page.reads.clear()
                while True:
                    yield b"one"
            finally:
                closed = True

        await asyncio.wait_for(stream(page.receive, page.send, news), 20)
        return page, closed

    page, closed = asyncio.run(run())
    assert closed
    assert not page.ended
