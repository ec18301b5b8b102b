"""HTTP requests as users of the learner's service send them: from outside, or from inside the lab's network."""

from __future__ import annotations

import abc
import http.client
import json
import shlex
import socket
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from checker.grading.pausing import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from checker.engine.shell import Completed

BODY_BYTES = 1 << 20
"""How much of an answer is read; an endless answer is cut off here."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request; if none came, `status` is 0 and `error` says why."""

    url: str
    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ms: float = 0.0
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether there was an answer with a status below 400."""
        return 0 < self.status < 400

    @property
    def text(self) -> str:
        """The body as UTF-8; invalid bytes are replaced."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """Return the body as JSON, or an empty dictionary if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a good answer that is a JSON object; empty for any other answer."""
        return fields_of(self.body) if self.ok else {}

    def is_from(self, service: str) -> bool:
        """Whether it is a good answer of a service that says its own name in the field `service`, as Parcel does."""
        return bool(self.fields.get("service") == service)

    @property
    def summary(self) -> str:
        """One line for `seen`: the error, or the status and the first words of the body."""
        if self.error:
            return self.error
        first = " ".join(self.text.split())
        return f"HTTP {self.status}" + (
            f", {first[:120]}{'…' if len(first) > 120 else ''}" if first else ", no body"
        )


def fields_of(text: str | bytes) -> dict[str, Any]:
    """Return the fields of a JSON object; empty for any other text."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class Runs(Protocol):
    """Something that runs a command: a shell in the prober."""

    def run(self, command: str | bytes, seconds: float = ...) -> Completed:
        """Run it."""


class Client(abc.ABC):
    """The HTTP methods that both sides share; each request opens a new connection."""

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 2.0,
        patience: float = 0.0,
    ) -> Reply:
        """GET a URL; never raises.

        Args:
            url: an absolute http URL.
            headers: sent along.
            timeout: seconds for the whole exchange.
            patience: seconds to try again while nothing accepts or the connection breaks, for a service that
                is starting.
        """
        return self.send("GET", url, headers=headers, timeout=timeout, patience=patience)

    def get_until(
        self, url: str, accepted: Callable[[Reply], object], seconds: float, every: float = 0.2
    ) -> Reply:
        """GET a URL again and again until an answer is accepted, or time is up; return the last one.

        Args:
            url: an absolute http URL.
            accepted: whether a reply is the one that is waited for.
            seconds: how long to wait at most.
            every: seconds between two requests.
        """
        give_up = time.monotonic() + seconds
        while not accepted(reply := self.get(url)) and time.monotonic() < give_up:
            pause(every)
        return reply

    def post(self, url: str, body: bytes | str = b"", *, timeout: float = 2.0) -> Reply:
        """POST a body; never raises."""
        return self.send("POST", url, body=body, timeout=timeout)

    def put(self, url: str, body: bytes | str = b"", *, timeout: float = 2.0) -> Reply:
        """PUT a body; never raises."""
        return self.send("PUT", url, body=body, timeout=timeout)

    def many(self, url: str, count: int, *, timeout: float = 2.0) -> list[Reply]:
        """GET a URL several times, one after the other."""
        return [self.get(url, timeout=timeout) for _ in range(count)]

    def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float = 2.0,
        patience: float = 0.0,
    ) -> Reply:
        """Send one request; never raises for anything the service does."""
        data = body.encode() if isinstance(body, str) else body
        give_up = time.monotonic() + patience
        while True:
            reply = self._once(method, url, data, dict(headers or {}), timeout)
            if not reply.error or time.monotonic() >= give_up:
                return reply
            pause(0.05)

    @abc.abstractmethod
    def _once(self, method: str, url: str, body: bytes, headers: dict[str, str], timeout: float) -> Reply:
        """Send the request once, without patience; never raises for anything the service does."""


class Outside(Client):
    """Requests from the learner's own machine, by published ports.

    Args:
        host: the address of published ports if the engine is on another machine; otherwise 127.0.0.1.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host

    def _once(self, method: str, url: str, body: bytes, headers: dict[str, str], timeout: float) -> Reply:
        start = time.perf_counter()
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port or 80
        except ValueError as error:
            return Reply(url, error=str(error))
        name = self.host if parts.hostname in {"127.0.0.1", "localhost"} else str(parts.hostname)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = _Bounded(name, port, timeout)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            data = answer.read(BODY_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Reply(url, ms=_since(start), error=_why(error, timeout))
        finally:
            connection.close()
        found = {key.lower(): value for key, value in answer.getheaders()}
        return Reply(url, answer.status, data, found, _since(start))


class _BoundedSocket(socket.socket):
    """A socket with one deadline for all of its reads together."""

    ends = 0.0

    def recv_into(self, *args: Any) -> int:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)
        return super().recv_into(*args)


class _Bounded(http.client.HTTPConnection):
    """A connection with one time limit for the whole exchange, so that a service that answers slowly cannot hold a check."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self._ends = time.monotonic() + seconds

    def connect(self) -> None:
        """Open the socket, within the same time limit."""
        super().connect()
        bounded = _BoundedSocket(fileno=self.sock.detach())
        bounded.ends = self._ends
        bounded.settimeout(max(self._ends - time.monotonic(), 0.001))
        self.sock = bounded


class Prober(Client):
    """Requests from inside the lab's network, sent by curl in the course's own prober container."""

    def __init__(self, shell: Runs) -> None:
        self._shell = shell

    def _once(self, method: str, url: str, body: bytes, headers: dict[str, str], timeout: float) -> Reply:
        start = time.perf_counter()
        extra = "".join(f" -H {shlex.quote(f'{key}: {value}')}" for key, value in headers.items())
        if body:
            extra += f" --data-raw {shlex.quote(body.decode(errors='surrogateescape'))}"
        done = self._shell.run(
            f"curl -sS --noproxy '*' --max-time {timeout:g} --max-filesize {BODY_BYTES} -X {method}{extra}"
            f" -w '\\n%{{http_code}}' {shlex.quote(url)}",
            timeout + 3,
        )
        ms = _since(start)
        if done.rc:
            said = (
                done.stderr.strip().removeprefix("curl: ").partition(") ")[2] or f"curl ended with {done.rc}"
            )
            return Reply(url, ms=ms, error=said)
        data, _, status = done.stdout_bytes.rpartition(b"\n")
        return Reply(url, int(status), data, {}, ms)


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 1)


def _why(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens there"
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionResetError):
        return f"an answer that is not HTTP: {str(error).strip()[:80]}"
    if isinstance(error, ConnectionResetError | http.client.RemoteDisconnected | BrokenPipeError):
        return "connection accepted, then closed without an answer"
    return str(error) or type(error).__name__
