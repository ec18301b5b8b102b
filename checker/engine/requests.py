"""Requests to the Engine API: over a connection that is kept for each thread, with answers decoded and errors told apart."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from checker.engine import remedies
from checker.engine.platform import Platform
from checker.engine.transport import EngineConnection, dial
from checker.errors import EngineError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from checker.engine.endpoint import Endpoint

REQUEST_SECONDS = 30.0
"""How long the engine may send nothing in one request before it counts as hung."""

QUIET_SECONDS = 4.0
"""How long a request that only asks goes without an answer before that is mentioned: a busy engine takes a second or two."""

ANSWER_BYTES = 64 * 1024 * 1024
"""The limit for one answer; no answer that the course needs is nearly as large."""

# The errors of a connection that the engine had closed meanwhile; a request whose answer began is not sent again.
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)

_ASKING = frozenset({"GET", "HEAD"})
"""Requests that change nothing, so they can be sent again."""


class NotFoundError(EngineError):
    """The engine has no such container, image, network or volume."""


class RefusedError(EngineError):
    """The engine understood the request and refused it; `status` is the HTTP status."""

    def __init__(self, what: str, status: int, *, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.status = status


class Requests:
    """An engine's API, request by request.

    Each thread keeps one connection, so a request takes about half a millisecond.

    Args:
        endpoint: where the engine is.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._local = threading.local()
        self.mention: Callable[[str], None] | None = None
        """Called with a sentence when the engine takes long to answer."""

    def get(self, path: str, **query: Any) -> Any:
        """GET a path and return the decoded JSON."""
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST a JSON body to a path and return the decoded JSON, if there is any."""
        return self.request("POST", path, body=body, query=query)

    def delete(self, path: str, **query: Any) -> Any:
        """DELETE a path."""
        return self.request("DELETE", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        seconds: float = REQUEST_SECONDS,
        raw: bool = False,
    ) -> Any:
        """Send one request.

        Args:
            method: the HTTP method.
            path: the path without version, such as `/containers/json`.
            body: sent as JSON; bytes are sent as they are, as a tar archive.
            query: parameters; true and false are written as the API requires, mappings as JSON.
            seconds: how long the engine may send nothing.
            raw: return the body's bytes instead of decoding JSON.

        Raises:
            NotFoundError: status 404.
            RefusedError: any other status of 400 and above.
            EngineError: the engine did not answer.
        """
        url = path + _encode(query or {})
        data, kind = (
            (body, "application/x-tar") if isinstance(body, bytes) else (_json(body), "application/json")
        )
        headers = {"Content-Type": kind} if data is not None else {}
        for attempt in (1, 2):
            connection, fresh = self._connection(seconds)
            response = None
            try:
                connection.request(method, url, data, headers)
                if method in _ASKING and seconds > QUIET_SECONDS:
                    self._wait(connection, seconds)
                response = connection.getresponse()
                payload = _read(response)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                # The engine may have closed the kept connection meanwhile: try again with a new one. What only asks can be
                # sent again at any time; what is in front of an engine, such as a relay, may drop a new connection, too.
                again = not fresh or method in _ASKING
                if attempt == 1 and again and response is None and isinstance(error, _STALE):
                    continue
                raise EngineError(
                    f"The container engine at {self.endpoint.host} stopped answering ({method} {path}: {reason_of(error)}).",
                    remedy=remedies.hung(Platform())
                    if isinstance(error, TimeoutError)
                    else "Check whether it is running; `lab doctor` says more.",
                ) from error
            except BaseException:
                self._drop()  # interrupted in the middle of an answer: this connection cannot be used again
                raise
            return _answer(method, path, response.status, payload, raw=raw)
        raise AssertionError  # the loop returns or raises

    def _wait(self, connection: EngineConnection, seconds: float) -> None:
        if self.mention is None or connection.answers_within(QUIET_SECONDS):
            return
        left = seconds - QUIET_SECONDS
        # That nobody reads it any more is no fault of the engine.
        with contextlib.suppress(OSError):
            self.mention(
                f"the container engine at {self.endpoint.host} has not answered for {QUIET_SECONDS:.0f} s; "
                f"waiting up to {left:.0f} s more"
            )
        connection.limit(left)

    def _connection(self, seconds: float) -> tuple[EngineConnection, bool]:
        kept: EngineConnection | None = getattr(self._local, "connection", None)
        if kept is not None and kept.sock is not None:
            kept.limit(seconds)
            return kept, False
        connection = EngineConnection(self.dial, seconds)
        self._local.connection = connection
        return connection, True

    def _drop(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def dial(self) -> socket.socket:
        """Open a new connection to the engine."""
        endpoint = self.endpoint
        return dial(endpoint.host, self._relay, tls=endpoint.tls is not None, source=endpoint.source)

    def _relay(self) -> tuple[list[str], dict[str, str]]:
        from checker.engine.client import find_client  # noqa: PLC0415 - only some endpoints need the client

        client = find_client(self.endpoint)
        return client.command("system", "dial-stdio"), client.environment()

    def hijack(self, path: str, body: Any) -> tuple[socket.socket, bytes]:
        """POST and take over the connection; return its socket and what was read after the headers.

        Raises:
            RefusedError: the engine answered with an error instead.
        """
        sock = self.dial()
        data = _json(body) or b""
        sock.settimeout(REQUEST_SECONDS)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        try:
            sock.sendall(head.encode() + data)
            received = b""
            while b"\r\n\r\n" not in received:
                received += _receive(sock, path)
            header, _, rest = received.partition(b"\r\n\r\n")
            status = int(header.split(b" ", 2)[1])
            if status >= 400:
                length = re.search(rb"\r\ncontent-length: *(\d+)", header, re.IGNORECASE)
                while length and len(rest) < min(int(length[1]), 65536):
                    rest += _receive(sock, path)
                raise (
                    NotFoundError(_message(rest))
                    if status == 404
                    else RefusedError(_message(rest), status, remedy=_way_out(status, rest))
                )
        except (OSError, ValueError, IndexError) as error:
            sock.close()
            raise EngineError(
                f"The container engine stopped answering (POST {path}: {reason_of(error)})."
            ) from error
        except BaseException:
            sock.close()
            raise
        return sock, rest

    def date(self) -> str:
        """Return the date in an answer of the engine."""
        connection, _ = self._connection(REQUEST_SECONDS)
        try:
            connection.request("GET", "/_ping")
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._drop()
            return ""
        return response.getheader("Date") or ""

    @contextlib.contextmanager
    def stream(
        self,
        path: str,
        query: Mapping[str, Any],
        *,
        endless: bool,
        opened: Callable[[socket.socket], None] = lambda _: None,
    ) -> Iterator[http.client.HTTPResponse]:
        """GET a path whose answer goes on, over a connection of its own; the block reads it.

        Args:
            path: the path without version.
            query: parameters, as for `request`.
            endless: whether the engine may send nothing for as long as it likes.
            opened: gets the socket of an endless answer; to shut it ends the answer.

        Raises:
            RefusedError: the engine answered with an error instead.
        """
        connection = EngineConnection(self.dial, REQUEST_SECONDS)
        try:
            connection.request("GET", path + _encode(query))
            response = connection.getresponse()
            if response.status >= 400:
                said = response.read(65536)
                raise RefusedError(
                    f"The engine refused GET {path}: {_message(said)}",
                    response.status,
                    remedy=_way_out(response.status, said),
                )
            if endless and connection.sock is not None:
                connection.sock.settimeout(None)
                opened(connection.sock)
            yield response
        finally:
            connection.close()


def _json(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _encode(query: Mapping[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value) if isinstance(value, dict | list) else str(value)

    return "?" + urllib.parse.urlencode({key: text(value) for key, value in query.items()}) if query else ""


_TAG = re.compile(r"<[^>]*>")


def _message(payload: bytes) -> str:
    try:
        decoded = json.loads(payload)
    except ValueError:
        # What is in front of an engine answers with a page.
        said = " ".join(_TAG.sub(" ", payload.decode(errors="replace")).split())
        return said or "no reason given"
    return str(decoded.get("message", decoded)) if isinstance(decoded, dict) else str(decoded)


def _read(response: http.client.HTTPResponse) -> bytes:
    # If read() gets a size, it does not notice that a body of known length was cut short.
    payload = response.read(None if (response.length or 0) else ANSWER_BYTES + 1)
    if len(payload) > ANSWER_BYTES:
        raise http.client.HTTPException(f"more than {ANSWER_BYTES >> 20} MiB")
    return payload


def _way_out(status: int, payload: bytes) -> str:
    """Return what to do about an answer that does not come from the engine, or that its policy decides."""
    # The engine's own answers are JSON: it forbids to remove a network that is in use, and a swarm's manager may not be there.
    foreign = not payload.strip().startswith(b"{")
    if status == HTTPStatus.FORBIDDEN and (foreign or b"authorization denied" in payload):
        return remedies.forbidden()
    if status == HTTPStatus.BAD_REQUEST and b"HTTPS server" in payload:
        return "It wants TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem."
    if status in _NOT_THERE and foreign:
        return "The engine, or what is in front of it, is starting or shutting down: wait a moment, and try again."
    return ""


_NOT_THERE = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


def _receive(sock: socket.socket, path: str) -> bytes:
    chunk = sock.recv(65536)
    if not chunk:
        raise EngineError(f"The container engine closed the connection (POST {path}).")
    return chunk


def reason_of(error: Exception) -> str:
    """Return what an error says, or else its kind."""
    return str(error).strip() or type(error).__name__


def _answer(method: str, path: str, status: int, payload: bytes, *, raw: bool) -> Any:
    if status == 404:
        raise NotFoundError(f"The engine: {_message(payload)}")
    if status >= 400:
        raise RefusedError(
            f"The engine refused {method} {path}: {_message(payload)}",
            status,
            remedy=_way_out(status, payload),
        )
    if raw:
        return payload
    try:
        return json.loads(payload) if payload.strip() else None
    except ValueError as error:
        raise EngineError(
            f"What answers {method} {path} is not a container engine: {_message(payload)[:80]}",
            remedy="Check what DOCKER_HOST or the docker context names; `lab doctor` says more.",
        ) from error
