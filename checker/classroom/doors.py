"""The door of a class that is open to the network: joining, events, and what the class knows of the one who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from checker.classroom.answers import HANDLERS, answer, body_of, decoded
from checker.classroom.protocol import LEARNER, SEAL, Batch, Joining

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from checker.classroom.room import Room


def lan(room: Room) -> ASGIApp:
    """Return what the network may ask: join, events, me; nothing else is there."""

    async def join(request: Request) -> Response:
        asked = decoded(await body_of(request), Joining)
        address = request.client.host if request.client else ""
        joined = await room.join(asked, address)
        return answer(joined, 200 if joined.secret else 202)

    async def events(request: Request) -> Response:
        body = await body_of(request)
        return answer(await room.take(decoded(body, Batch), body, request.headers.get(SEAL, "")))

    async def me(request: Request) -> Response:
        return answer(await room.me(request.headers.get(LEARNER, ""), b"/me", request.headers.get(SEAL, "")))

    routes = [
        Route("/join", join, methods=["POST"]),
        Route("/events", events, methods=["POST"]),
        Route("/me", me, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers=HANDLERS)
