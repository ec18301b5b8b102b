"""The service's process: it listens, writes down how it is reached, and ends with everything that it started."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from checker.bootstrap import ask
from checker.live.record import Record, read, write
from checker.site.serve import FIRST_PORT, LAST_PORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import uvicorn

    from checker.live.service import Service
    from checker.web.guard import App

HOME = str(Path(__file__).resolve().parents[2])

END_SECONDS = 3
"""How long open pages may take to close when the service ends."""

LOOK_SECONDS = 2.0
"""How often the service reads its own record; a read takes less than 0.1 ms."""


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on loopback: on a port, or with 0 on the first free one from 8000.

    Raises:
        OSError: the port is in use.
    """
    if port:
        return _bound(port)
    for candidate in range(FIRST_PORT, LAST_PORT + 1):
        with contextlib.suppress(OSError):
            return _bound(candidate)
    return _bound(0)


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", port))
        found.listen(128)
    except OSError:
        found.close()
        raise
    return found


def make_server(config: uvicorn.Config, service: Service) -> uvicorn.Server:
    """Return a server that ends the pages' streams when it ends; by themselves they would hold it."""
    import uvicorn  # noqa: PLC0415 - after the code was looked at

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            service.hub.end()
            await super().shutdown(sockets)

    return Server(config)


def _config(app: App) -> uvicorn.Config:
    import uvicorn  # noqa: PLC0415 - after the code was looked at

    return uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=END_SECONDS,
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,
    )


async def keep_record(file: Path, record: Record, every: float = LOOK_SECONDS) -> None:
    """Keep the record of this service readable, and return when another service has taken its place.

    Without its record nobody finds the service any more, and `lab down` could not end it.

    Args:
        file: the file with the record.
        record: what this service wrote to it.
        every: seconds between two looks.
    """
    missing = False
    while True:
        await asyncio.sleep(every)
        there = read(file)
        if there is not None and there.run != record.run:
            return
        if there is None and missing:
            if not file.parent.is_dir():
                return  # with the whole state folder, which must not come back
            try:
                write(file, record)
            except OSError:
                return
        # A service that takes over removes the record first and writes its own soon after.
        missing = there is None


async def serve(html: Path, record: Path, run: str, key: str, environment: str, port: int = 0) -> None:
    """Serve until a signal ends it.

    Args:
        html: the built pages.
        record: the file to write to, once it listens, how it is reached.
        run: an id of this run.
        key: what codes and the token are made from.
        environment: the environment of the command that started it, as `ask.environment` tells it.
        port: the port to listen on; 0 takes the first free one from 8000.
    """
    # First of all: any change from here on makes the files another version than the one that runs.
    code = ask.code_of(HOME)

    from checker.course.places import find  # noqa: PLC0415
    from checker.live.app import make_app  # noqa: PLC0415
    from checker.live.service import Service  # noqa: PLC0415

    service = Service(find(), run, key)
    service.hub.use(asyncio.get_running_loop())
    listening = listen(port)
    number = int(listening.getsockname()[1])
    local = None
    if hasattr(socket, "AF_UNIX") and sys.platform != "win32":
        from checker.live.local import Local  # noqa: PLC0415 - Windows has no such sockets in asyncio

        local = Local(service, record.with_name("socket"), code, environment)
        await local.open()
    path = str(local.path) if local else ""
    written = Record(os.getpid(), number, run, key, path, code, environment)
    write(record, written)
    print(f"serving {html} on 127.0.0.1:{number}", file=sys.stderr, flush=True)
    server = make_server(_config(make_app(service, html, number)), service)

    def superseded(_: object) -> None:
        server.should_exit = True

    kept = asyncio.create_task(keep_record(record, written))
    kept.add_done_callback(superseded)
    try:
        await server.serve(sockets=[listening])
    finally:
        kept.cancel()
        if local:
            await local.close()
        await asyncio.to_thread(service.end)


def main(words: Sequence[str] | None = None) -> None:
    """Serve, as `checker.live.server` starts it."""
    parser = argparse.ArgumentParser(
        description="Serve the live page on this machine until a signal ends it."
    )
    parser.add_argument("pages", type=Path, help="the folder of built pages")
    parser.add_argument("--run", required=True, help="an id of this run")
    parser.add_argument("--record", type=Path, required=True, help="a file to write to how it is reached")
    parser.add_argument("--key", type=Path, required=True, help="the file with what codes are made from")
    parser.add_argument("--environment", default="", help="what tells the starter's environment from others")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 takes the first free one from 8000")
    args = parser.parse_args(words)
    # On the command line, everybody on this machine could read the key itself.
    key = args.key.read_text("ascii").strip()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(args.pages, args.record, args.run, key, args.environment, args.port))
    # A verdict that is still being given has its own thread, which must not hold the process.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
