"""A stream of server-sent events to one page: what is new, a beat when nothing is, and an end when the page takes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from checker.web.guard import Receive, Send

BEAT_SECONDS = 10.0
"""How often a page hears something even if nothing changed; one that hears nothing for two and a half of these gives the
connection up."""

SEND_SECONDS = 5.0
"""How long a page may take nothing of what it is sent; then its connection is closed, and it opens another."""

BEAT = b": beat\n\n"
"""A comment (HTML standard, 9.2): it keeps the connection alive and means nothing."""


class Reader:
    """The page at the other end.

    Args:
        receive: what the server heard of it.
    """

    def __init__(self, receive: Receive) -> None:
        self._gone = asyncio.ensure_future(_gone(receive))

    async def is_there(self, seconds: float, event: asyncio.Event | None = None) -> bool:
        """Wait until the time is over, the event is set, or the page has gone; return whether it is still there.

        Args:
            seconds: how long to wait at most.
            event: what ends the wait earlier.
        """
        wake = asyncio.ensure_future(event.wait()) if event else None
        try:
            tasks = {self._gone, wake} if wake else {self._gone}
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if wake:
                wake.cancel()
        return not self._gone.done()

    def end(self) -> None:
        """Listen no longer."""
        self._gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def stream(
    receive: Receive,
    send: Send,
    news: Callable[[Reader], AsyncGenerator[bytes]],
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a page what is new, until the page goes away, takes nothing, or there is no more.

    Args:
        receive: from the page, as ASGI has it.
        send: to the page.
        news: yields bytes to send; waits with the reader that it is given.
        headers: of the answer, besides its type.
    """
    # Always UTF-8 (HTML standard, 9.2).
    kind = (b"content-type", b"text/event-stream")
    await send({"type": "http.response.start", "status": 200, "headers": [kind, *headers]})
    reader = Reader(receive)
    try:
        async with contextlib.aclosing(news(reader)) as found:
            async for data in found:
                async with asyncio.timeout(SEND_SECONDS):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except (TimeoutError, OSError):
        # The page is stopped, or its machine sleeps. Nothing more is kept for it, and uvicorn closes the connection.
        pass
    finally:
        reader.end()
