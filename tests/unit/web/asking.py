"""One request to an ASGI application, without a socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checker.web.guard import App


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


def get(app: App, path: str, **headers: str) -> Answer:
    """Send a GET request.

    Args:
        app: the application.
        path: what is asked for.
        headers: the headers of the request, with `_` for `-`.
    """
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        # From this version on, an application need not wait for the client to go.
        "asgi": {"spec_version": "2.4"},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        await app(scope, receive, send)

    asyncio.run(ask())
    return Answer(
        sent[0]["status"],
        {name.decode(): value.decode() for name, value in sent[0]["headers"]},
        b"".join(message["body"] for message in sent[1:]).decode(),
    )
