"""The class's listener: whom it waits for, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from checker.classroom import serving


async def hear(said: bytes) -> bytes:
    """Return what a listener answers that waits for a fifth of a second, until it closes the connection."""
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    config = serving._config(app)
    config.timeout_keep_alive = 0.2  # type: ignore[assignment]
    config.load()
    server = serving._Server(config)
    outside = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve(sockets=[outside]))
    try:
        reader, writer = await asyncio.open_connection(*outside.getsockname())
        writer.write(said)
        with contextlib.closing(writer):
            return await asyncio.wait_for(reader.read(), 20)
    finally:
        server.should_exit = True
        await running


def test_a_machine_that_connects_and_says_nothing_is_let_go() -> None:
    assert asyncio.run(hear(b"")) == b""


def test_a_machine_that_asks_is_answered() -> None:
    assert asyncio.run(hear(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"here")
