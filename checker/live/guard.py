"""Who may ask the service: the outermost layer, before any page, route or WebSocket.

It decides on the raw path and the raw headers of a request. Another program on this machine, a page of another origin,
and a name that a hostile DNS server sends here get nothing.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/api/"
PUBLIC = frozenset({("GET", "/api/v1/hello"), ("POST", "/api/v1/session")})
"""What answers without a token; a one-use code guards the second."""

BODY_BYTES = 16 * 1024
"""The longest body of a request. The longest that a page sends has a few hundred bytes."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer says. There is no cookie and no CORS header in any of them."""


class Guard:
    """Passes on what may be asked, and answers the rest.

    Args:
        app: what is guarded.
        port: the port that the service listens on.
        token: what a page has to send.
    """

    def __init__(self, app: App, *, port: int, token: str) -> None:
        self._app = app
        names = (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}")
        self._hosts = frozenset(name.encode() for name in names)
        self._origins = frozenset(f"http://{name}".encode() for name in names)
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        is_api = path.startswith(API)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), *_encoded(HEADERS)]
                # The pages are asked for again each time, but need not be sent again.
                headers.append((b"cache-control", b"no-store" if is_api else b"no-cache"))
                message = {**message, "headers": headers}
            await send(message)

        if not self._host_is_ours(scope):
            await refuse(sealed, 400, "This server answers only to localhost.")
        elif not is_api:
            if scope["method"] in {"GET", "HEAD"}:
                await self._app(scope, receive, sealed)
            else:
                await refuse(sealed, 405, "Pages are only read.")
        elif (problem := self._problem(scope, path)) is not None:
            await refuse(sealed, *problem)
        else:
            await self._app(scope, receive, sealed)

    def _problem(self, scope: Scope, path: str) -> tuple[int, str] | None:
        """Return why a request to the API is refused, as a status and a sentence; None if it is not."""
        method = str(scope["method"])
        # A browser says where a request comes from; of a page's own GET it sends no Origin.
        origins = _all(scope, b"origin")
        if len(origins) > 1 or any(each not in self._origins for each in origins):
            return 403, "This page may not ask."
        if any(each != b"same-origin" for each in _all(scope, b"sec-fetch-site")):
            return 403, "This page may not ask."
        if method == "POST" and not origins:
            return 403, "A request that changes something has to say which page it comes from."
        if (method, path) not in PUBLIC and not self._has_token(scope):
            return 401, "This page is not open to the labs. `lab open` gives it a new address."
        if method not in {"GET", "POST"}:
            return 405, "Only GET and POST are known here."
        if method == "POST":
            kinds = _all(scope, b"content-type")
            if len(kinds) != 1 or kinds[0].partition(b";")[0].strip().lower() != b"application/json":
                return 415, "Only JSON is read here."
            length = b"".join(_all(scope, b"content-length"))
            if not length.isdigit() or int(length) > BODY_BYTES:
                return 413, f"A request has at most {BODY_BYTES} bytes, and says how many."
        return None

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = _all(scope, b"origin")
        allowed = self._host_is_ours(scope) and len(origins) == 1 and origins[0] in self._origins
        if not allowed or not str(scope["path"]).startswith(API):
            # Before it is accepted, closing it is an answer of 403 and no upgrade.
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": ""})
            return
        await self._app(scope, receive, send)

    def _host_is_ours(self, scope: Scope) -> bool:
        names = _all(scope, b"host")
        return len(names) == 1 and names[0] in self._hosts

    def _has_token(self, scope: Scope) -> bool:
        found = _all(scope, b"authorization")
        return len(found) == 1 and hmac.compare_digest(found[0], b"Bearer " + self._token)


async def refuse(send: Send, status: int, why: str) -> None:
    """Answer with a status and a sentence."""
    body = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
