"""Who may ask a server on loopback: the outermost layer, before any page, route or WebSocket.

It decides on the raw path and the raw headers of a request. Another program on this machine, a page of another origin,
and a name that a hostile DNS server sends here get nothing.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

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


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a server lets in.

    Args:
        port: the port that it listens on. It listens on 127.0.0.1, so it has no IPv6 name.
        token: what a page has to send to ask for anything but pages.
        is_page: whether a path is a page or a file of one. Those are only read, and say nothing that is secret.
        closed: the sentence for a request without the token.
        public: the methods and paths that answer without the token.
        links: whether a link on a page of another origin may lead to a page.
    """

    port: int
    token: str
    is_page: Callable[[str], bool]
    closed: str
    public: frozenset[tuple[str, str]] = frozenset()
    links: bool = False


class Guard:
    """Passes on what may be asked, and answers the rest.

    Args:
        app: what is guarded.
        rules: what it lets in.
    """

    def __init__(self, app: App, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        names = (f"127.0.0.1:{rules.port}", f"localhost:{rules.port}")
        self._hosts = frozenset(name.encode() for name in names)
        self._origins = frozenset(f"http://{name}".encode() for name in names)
        self._token = b"Bearer " + rules.token.encode()

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
        is_page = self._rules.is_page(path)
        # Pages are asked for again each time, but need not be sent again.
        said = _encoded({**HEADERS, "Cache-Control": "no-cache" if is_page else "no-store"})

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = list(message.get("headers", []))
                names = {name.lower() for name, _ in there}
                headers = [*there, *(each for each in said if each[0] not in names)]
                message = {**message, "headers": headers}
            await send(message)

        problem = self._problem_of_any(scope) or (
            self._problem_of_page(scope) if is_page else self._problem(scope, path)
        )
        if problem is not None:
            await refuse(sealed, *problem)
        else:
            await self._app(scope, receive, sealed)

    def _problem_of_any(self, scope: Scope) -> tuple[int, str] | None:
        """Return why any request is refused, as a status and a sentence; None if it is not."""
        if not self._host_is_ours(scope):
            return 400, "This server answers only to localhost."
        # A browser says where a request comes from; of a page's own GET it sends no Origin.
        origins = all_of(scope, b"origin")
        if len(origins) > 1 or any(each not in self._origins for each in origins):
            return 403, "This page may not ask."
        return None

    def _problem_of_page(self, scope: Scope) -> tuple[int, str] | None:
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, "Pages are only read."
        # A typed address comes from no site. `lab open` gives the browser a file that leads here: a link of another origin.
        follows = self._rules.links and all_of(scope, b"sec-fetch-mode") == [b"navigate"]
        if not follows and not _is_from(scope, b"same-origin", b"none"):
            return 403, "This page may not ask."
        return None

    def _problem(self, scope: Scope, path: str) -> tuple[int, str] | None:
        """Return why a request for more than a page is refused."""
        method = str(scope["method"])
        if not _is_from(scope, b"same-origin"):
            return 403, "This page may not ask."
        if method == "POST" and not all_of(scope, b"origin"):
            return 403, "A request that changes something has to say which page it comes from."
        if (method, path) not in self._rules.public and not self._has_token(scope):
            return 401, self._rules.closed
        if method not in {"GET", "POST"}:
            return 405, "Only GET and POST are known here."
        return _problem_of_body(scope) if method == "POST" else None

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = all_of(scope, b"origin")
        allowed = self._host_is_ours(scope) and len(origins) == 1 and origins[0] in self._origins
        if not allowed or self._rules.is_page(str(scope["path"])):
            # Before it is accepted, closing it is an answer of 403 and no upgrade.
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": ""})
            return
        await self._app(scope, receive, send)

    def _host_is_ours(self, scope: Scope) -> bool:
        names = all_of(scope, b"host")
        return len(names) == 1 and names[0] in self._hosts

    def _has_token(self, scope: Scope) -> bool:
        found = all_of(scope, b"authorization")
        return len(found) == 1 and hmac.compare_digest(found[0], self._token)


async def refuse(send: Send, status: int, why: str) -> None:
    """Answer with a status and a sentence."""
    body = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def all_of(scope: Scope, name: bytes) -> list[bytes]:
    """Return every value of a header; `name` is in lower case."""
    return [value for key, value in scope["headers"] if key.lower() == name]


def _is_from(scope: Scope, *sites: bytes) -> bool:
    """Whether a browser that says where a request comes from names one of these; what is no browser says nothing."""
    return all(each in sites for each in all_of(scope, b"sec-fetch-site"))


def _problem_of_body(scope: Scope) -> tuple[int, str] | None:
    kinds = all_of(scope, b"content-type")
    if len(kinds) != 1 or kinds[0].partition(b";")[0].strip().lower() != b"application/json":
        return 415, "Only JSON is read here."
    length = b"".join(all_of(scope, b"content-length"))
    if not length.isdigit() or int(length) > BODY_BYTES:
        return 413, f"A request has at most {BODY_BYTES} bytes, and says how many."
    return None


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
