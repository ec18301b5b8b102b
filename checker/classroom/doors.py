"""The door of a class that is open to the network: joining, events, what the class knows of a learner, and the shelf."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from checker.classroom.protocol import LEARNER, SEAL, Batch, Joining
from checker.classroom.replies import HANDLERS, body_of, decoded, reply

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from checker.classroom.room import Room
    from checker.classroom.shelf import Shelf


def lan(room: Room, shelf: Shelf | None = None) -> ASGIApp:
    """Return what the network may ask: join, events, me, and what is on the shelf; nothing else is there.

    Args:
        room: the class.
        shelf: what may be fetched; nothing without it.
    """

    async def join(request: Request) -> Response:
        asked = decoded(await body_of(request), Joining)
        address = request.client.host if request.client else ""
        joined = await room.join(asked, address)
        return reply(joined, 200 if joined.secret else 202)

    async def events(request: Request) -> Response:
        body = await body_of(request)
        return reply(await room.take(decoded(body, Batch), body, request.headers.get(SEAL, "")))

    async def me(request: Request) -> Response:
        return reply(await room.me(request.headers.get(LEARNER, ""), b"/me", request.headers.get(SEAL, "")))

    routes: list[BaseRoute] = [
        Route("/join", join, methods=["POST"]),
        Route("/events", events, methods=["POST"]),
        Route("/me", me, methods=["GET"]),
    ]
    if shelf is not None:
        routes += shelf.routes(room)
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False
    return app
