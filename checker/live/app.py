"""The routes of the service: pages, API v1, the stream of events, and the terminal's WebSocket."""

from __future__ import annotations

import contextlib
import hmac
import json
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

from checker.errors import LabError, MisuseError
from checker.live import codes
from checker.live.files import pages
from checker.live.guard import guarded
from checker.live.hub import FLUSH_SECONDS, encoded
from checker.live.operations import BusyError
from checker.live.terminal import NotAtPromptError
from checker.live.wire import serve_terminal
from checker.web.stream import BEAT, BEAT_SECONDS, stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from starlette.responses import Response
    from starlette.websockets import WebSocket

    from checker.live.service import Service
    from checker.web.guard import App, Receive, Scope, Send
    from checker.web.stream import Reader

APP = "drydock"


def make_app(service: Service, html: Path, port: int) -> App:
    """Return the service as an ASGI application, guarded.

    Args:
        service: what it does.
        html: the built pages.
        port: the port that it is reached at.
    """
    api = Api(service)
    routes = [
        Route("/api/v1/hello", api.hello, methods=["GET"]),
        Route("/api/v1/session", api.session, methods=["POST"]),
        Route("/api/v1/state", api.state, methods=["GET"]),
        Route("/api/v1/events", Events(service)),
        Route("/api/v1/labs/{lab}/blocks", api.blocks, methods=["GET"]),
        Route("/api/v1/labs/{lab}/timeline", api.timeline, methods=["GET"]),
        Route("/api/v1/labs/{lab}/hint", api.hint, methods=["POST"]),
        Route("/api/v1/labs/{lab}/run", api.run, methods=["POST"]),
        Route("/api/v1/labs/{lab}/{kind}", api.operate, methods=["POST"]),
        WebSocketRoute("/api/v1/term/{lab}", api.term),
        Mount("/", pages(html)),
    ]
    app = Starlette(
        routes=routes, exception_handlers={LabError: _explain, BusyError: _busy, Exception: _failed}
    )
    app.router.redirect_slashes = False
    return guarded(app, port=port, token=service.token)


async def _explain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LabError)  # noqa: S101 - registered for it
    status = HTTPStatus.NOT_FOUND if isinstance(error, MisuseError) else HTTPStatus.CONFLICT
    return JSONResponse({"error": error.what, "remedy": error.remedy}, status)


async def _busy(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BusyError)  # noqa: S101 - registered for it
    said = f"This lab is busy: `{error.holder}` is running."
    return JSONResponse({"error": said, "holder": error.holder}, HTTPStatus.CONFLICT)


async def _failed(request: Request, error: Exception) -> Response:
    # Neither headers nor the address go into a log: the token is in the first.
    route = request.scope.get("route")
    print(
        f"error in {request.method} {getattr(route, 'path', 'a page')}: {type(error).__name__}",
        file=sys.stderr,
    )
    return JSONResponse(
        {"error": "The service failed; its log says where."}, HTTPStatus.INTERNAL_SERVER_ERROR
    )


class Api:
    """What each route answers.

    Args:
        service: what it does.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def hello(self, request: Request) -> Response:
        """Say who answers; a page that has the token finds out whether this server knows it too."""
        service = self._service
        nonce = request.query_params.get("nonce", "")[:64]
        host = request.headers["host"]
        return JSONResponse(
            {
                "app": APP,
                "api": 1,
                "live": True,
                "run": service.run,
                "course": service.places.root.name,
                "proof": codes.proof(service.token, nonce, host) if nonce else "",
            }
        )

    async def session(self, request: Request) -> Response:
        """Exchange a one-use code for the token."""
        asked = await _body(request)
        if not self._service.codes.exchange(str(asked.get("code", ""))):
            return JSONResponse(
                {"error": "This address was used before, or is too old. `lab open` gives a new one."},
                HTTPStatus.FORBIDDEN,
            )
        return JSONResponse({"token": self._service.token})

    async def state(self, request: Request) -> Response:
        """Return everything about one lab, or the progress in all of them."""
        service = self._service
        number = request.query_params.get("lab", "")
        found: dict[str, Any] = {"run": service.run, "seq": service.hub.seq, "labs": []}
        if number:
            watch = await run_in_threadpool(service.watch, number)
            found["labs"] = [await run_in_threadpool(watch.snapshot)]
        else:
            found["progress"] = await run_in_threadpool(service.progress)
        return JSONResponse(found)

    async def blocks(self, request: Request) -> Response:
        """Return which commands of a lesson can be run."""
        return JSONResponse(await run_in_threadpool(self._service.blocks, request.path_params["lab"]))

    async def timeline(self, request: Request) -> Response:
        """Return the record of a lab's traffic."""
        from checker.live.traffic import record_of  # noqa: PLC0415 - few labs have traffic

        return JSONResponse(await run_in_threadpool(record_of, self._service, request.path_params["lab"]))

    async def hint(self, request: Request) -> Response:
        """Give the next hint."""
        await _body(request)
        return JSONResponse(await run_in_threadpool(self._service.hint, request.path_params["lab"]))

    async def operate(self, request: Request) -> Response:
        """Begin an operation; the events report its progress."""
        asked = await _body(request)
        number, kind = request.path_params["lab"], request.path_params["kind"]
        if kind == "reset" and asked.get("confirm") != number:
            said = "A reset has to be confirmed with the lab's number."
            return JSONResponse({"error": said}, HTTPStatus.UNPROCESSABLE_ENTITY)
        key = request.headers.get("idempotency-key", "")[:64]
        op = await run_in_threadpool(self._service.do, number, kind, f"{number} {kind} {key}" if key else "")
        return JSONResponse({"op": op["op"], "kind": op["kind"]}, HTTPStatus.ACCEPTED)

    async def run(self, request: Request) -> Response:
        """Type a command of the lesson into the lab's terminal."""
        asked = await _body(request)
        block, digest = str(asked.get("block", "")), str(asked.get("digest", ""))
        try:
            known = await run_in_threadpool(
                self._service.run_block, request.path_params["lab"], block, digest
            )
        except NotAtPromptError:
            said = "A program is running in the terminal. End it, for instance with Ctrl-C, then run this."
            return JSONResponse({"error": said}, HTTPStatus.CONFLICT)
        if not known:
            said = "This command is no longer in the lesson. Load this page again."
            return JSONResponse({"error": said}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return JSONResponse({"block": block}, HTTPStatus.ACCEPTED)

    async def term(self, socket: WebSocket) -> None:
        """Connect a page to the terminal of a lab's toolbox."""
        await serve_terminal(socket, self._service, lambda token: _is(token, self._service.token))


class Events:
    """The stream of events; a separate ASGI application, so that it notices a page that reads nothing.

    Args:
        service: whose events.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the page goes away, or reads nothing."""
        if scope["method"] != "GET":
            await JSONResponse({"error": "Events are only read."}, HTTPStatus.METHOD_NOT_ALLOWED)(
                scope,
                receive,
                send,
            )
            return
        request = Request(scope)
        number = request.query_params.get("lab", "")
        since = request.query_params.get("since", "")
        service = self._service
        watch = None
        if number:
            watch = await run_in_threadpool(service.watch, number)
        with service.hub.listening(number, since) as listener:

            async def news(page: Reader) -> AsyncGenerator[bytes]:
                yield b": hello\n\n"
                while await page.is_there(BEAT_SECONDS, listener.wake):
                    events = listener.take()
                    yield b"".join(encoded(service.run, each) for each in events) or BEAT
                    if service.hub.ended:
                        return
                    if events:
                        await page.is_there(FLUSH_SECONDS)

            if watch is not None:
                watch.follow()
                watch.nudge()
            await stream(receive, send, news)


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, empty if it is none."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(await request.body() or b"{}")
        if isinstance(found, dict):
            return found
    return {}


def _is(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
