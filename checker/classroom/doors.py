"""The door of a class that is open to the network: joining, events, what the class knows of a learner, and the shelf."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from checker.classroom.protocol import HEARD, LEARNER, SEAL, Batch, Joining
from checker.classroom.replies import HANDLERS, body_of, decoded, refused, reply
from checker.classroom.roster import NotThisClassError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

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
        told = request.headers.get(HEARD, "")
        # Not sealed: a wrong number changes only what this machine reads again.
        heard = int(told) if re.fullmatch("[0-9]{1,9}", told) else 0
        return reply(await room.take(decoded(body, Batch), body, request.headers.get(SEAL, ""), heard))

    async def me(request: Request) -> Response:
        return reply(await room.me(request.headers.get(LEARNER, ""), b"/me", request.headers.get(SEAL, "")))

    routes: list[BaseRoute] = [
        Route("/join", join, methods=["POST"]),
        Route("/events", events, methods=["POST"]),  # for the replies to other methods
        Route("/me", me, methods=["GET"]),
    ]
    if shelf is not None:
        routes += shelf.routes(room)
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", "/events"):
            await app(scope, receive, send)
            return
        # A large class posts a hundred times a second: looking for the route would cost as much as the rest.
        request = Request(scope, receive)
        try:
            response = await events(request)
        except NotThisClassError as error:
            response = await refused(request, error)
        except Exception as error:
            await (await refused(request, error))(scope, receive, send)
            raise
        await response(scope, receive, send)

    return door
