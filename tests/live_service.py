"""The live page's service for tests: with an engine of the test's own, in a thread that the test ends."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from checker.errors import EngineError
from checker.live import serve
from checker.live.app import make_app
from checker.session.session import Session

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from checker.live.service import Service


def session_on(engine: Any) -> type[Session]:
    """Return a session that asks only this engine, and notes in its `calls` that somebody wanted the command."""

    class Counted(Session):
        @functools.cached_property
        def engine(self) -> Any:
            return engine

        @functools.cached_property
        def client(self) -> Any:
            engine.calls.append("client")
            raise EngineError("The container engine of the tests does not answer.")

    return Counted


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with serve.listen() as probe:
        return int(probe.getsockname()[1])


def begin(service: Service, html: Path, listening: socket.socket) -> Callable[[], None]:
    """Serve pages on a socket, and return what ends it."""
    server = serve.make_server(
        uvicorn.Config(
            make_app(service, html, int(listening.getsockname()[1])), log_level="warning", access_log=False,
            lifespan="off", server_header=False, proxy_headers=False, ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        ),
        service,
    )  # fmt: skip
    begun = threading.Event()

    async def run() -> None:
        service.hub.use(asyncio.get_running_loop())
        begun.set()
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    if not begun.wait(10):
        raise TimeoutError("the service did not start")

    def stop() -> None:
        server.should_exit = True
        thread.join(10)

    return stop
