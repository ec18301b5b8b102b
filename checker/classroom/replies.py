"""What both servers of a class have in common: how a request is read, and how the reply to it is made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from checker.classroom.protocol import BODY_BYTES
from checker.classroom.room import TooManyError
from checker.classroom.roster import NotThisClassError
from checker.web import guard

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")

BODY_SECONDS = 10.0
"""How long a request may take to send its body."""

HEADERS = {
    **{name.lower(): value for name, value in guard.HEADERS.items()},
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
"""What every reply says."""


def reply(value: object, status: int = 200, **headers: str) -> Response:
    """Return a reply as JSON."""
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers={**HEADERS, **headers}
    )


async def refused(_: Request, error: Exception) -> Response:
    """Return the reply to a request that failed: a status and a sentence."""
    if isinstance(error, TooManyError):
        return reply({"error": error.what}, 429, **{"retry-after": str(max(1, round(error.after)))})
    if isinstance(error, NotThisClassError):
        return reply({"error": error.what}, error.status)
    if isinstance(error, HTTPException):
        return reply({"error": "There is nothing here."}, error.status_code)
    return reply({"error": "The class's server did not expect this."}, 500)


HANDLERS: dict[Any, Any] = {
    NotThisClassError: refused,
    TooManyError: refused,
    HTTPException: refused,
    Exception: refused,
}


async def body_of(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        NotThisClassError: it is not JSON (415), too large (413), or takes too long (408).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise NotThisClassError(415, "Only JSON is read here.")
    data = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > BODY_BYTES:
                    raise NotThisClassError(413, f"A request has at most {BODY_BYTES} bytes.")
    except TimeoutError as error:
        raise NotThisClassError(408, "The request did not end.") from error
    return data


def decoded(data: bytes, kind: type[T]) -> T:
    """Read a body.

    Raises:
        NotThisClassError: it is not what is asked for (422).
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise NotThisClassError(422, "The request is not as it must be.") from error
