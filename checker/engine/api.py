"""The container engine as checks and scenes use it: a small client of the Engine API.

It has only what the course needs. With the Docker SDK, a verdict would take half as long again to import
(`benchmarks/run.py imports`). checker.engine.sdk offers the SDK to people, and
tests/integration/engine/test_against_sdk.py compares the two.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from checker.engine.clock import Clock
from checker.engine.transport import EngineConnection, dial
from checker.errors import EngineError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from checker.engine.endpoint import Endpoint

LABEL = "io.drydock.lab"
"""The label that says which lab a container, network, volume or image belongs to."""

ROLE = "io.drydock.role"
"""The label with the role of the course's own containers: toolbox, prober, node, checker."""

VARIANT = "io.drydock.variant"
"""The label of an image that a check made from one of the course's."""

IMAGE = "io.drydock.image"
"""The label that every image of the course carries and its containers inherit."""

COMPOSE_PROJECT = "com.docker.compose.project"
"""Compose's label with the project that a container, network or volume belongs to; a scene is one project."""

COMPOSE_SERVICE = "com.docker.compose.service"
"""Compose's label with the service that a container is of, which is a node's name too."""

COMPOSE_FOLDER = "com.docker.compose.project.working_dir"
"""Compose's label with the folder that the project was started from."""

KEPT = "io.drydock.kept"
"""The label of a volume that scenes share, with the name of the image whose containers do. It belongs to no lab, and
`lab stop` keeps it."""

LOCAL_REGISTRY = "localhost/"
"""What Podman puts before the name of an image that did not come from a registry."""

REQUEST_SECONDS = 30.0
"""How long the engine may send nothing in one request before it counts as hung."""

ANSWER_BYTES = 64 * 1024 * 1024
"""The limit for one answer; no answer that the course needs is nearly as large."""

NOW_SECONDS = 1.0
"""A time of our clock that is not older than this means now."""

# The errors of a connection that the engine had closed meanwhile; a request whose answer began is not sent again.
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class NotFoundError(EngineError):
    """The engine has no such container, image, network or volume."""


class RefusedError(EngineError):
    """The engine understood the request and refused it; `status` is the HTTP status."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(what)
        self.status = status


class UnreadableLogsError(RefusedError):
    """The engine keeps no logs of a container, such as with the log driver `none`."""

    def __init__(self, name: str, status: int) -> None:
        super().__init__(
            f"The engine keeps no log of the container {name[:40]}: its log driver cannot be read.",
            status,
        )
        self.remedy = 'Set `"log-driver": "local"` in the engine\'s daemon.json, restart the engine, then create the container again.'


def connect() -> Engine:
    """Connect to the engine that this person uses; nothing is installed or started.

    Raises:
        EngineError: there is none, or it does not answer; the message says what to do.
    """
    from checker.engine.endpoint import find_endpoint  # noqa: PLC0415 - examines the machine only when needed

    return Engine(find_endpoint())


class Engine:
    """One container engine, used through its API.

    Each thread keeps one connection, so a request takes about half a millisecond.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.clock = Clock(self._date, lambda: self.get("/info"))
        self.execs: set[str] = set()
        """The ids of the commands that this process started in containers."""
        self._local = threading.local()
        self._podman = False
        """Whether its events have shown that it is Podman."""

    # -- requests ------------------------------------------------------------------------------------------

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
                response = connection.getresponse()
                payload = _read(response)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                # The engine may have closed the kept connection meanwhile: try again with a new one.
                if attempt == 1 and not fresh and response is None and isinstance(error, _STALE):
                    continue
                raise EngineError(
                    f"The container engine at {self.endpoint.host} stopped answering ({method} {path}: {_reason(error)}).",
                    remedy="Check whether it is running; `lab doctor` says more.",
                ) from error
            except BaseException:
                self._drop()  # interrupted in the middle of an answer: this connection cannot be used again
                raise
            return _answer(method, path, response.status, payload, raw=raw)
        raise AssertionError  # the loop returns or raises

    def _connection(self, seconds: float) -> tuple[EngineConnection, bool]:
        kept: EngineConnection | None = getattr(self._local, "connection", None)
        if kept is not None and kept.sock is not None:
            kept.sock.settimeout(seconds)
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
                    NotFoundError(_message(rest)) if status == 404 else RefusedError(_message(rest), status)
                )
        except (OSError, ValueError, IndexError) as error:
            sock.close()
            raise EngineError(
                f"The container engine stopped answering (POST {path}: {_reason(error)})."
            ) from error
        except BaseException:
            sock.close()
            raise
        return sock, rest

    # -- what the course needs --------------------------------------------------------------------------

    def ping(self) -> bool:
        """Whether the engine answers."""
        try:
            self.require()
        except EngineError:
            return False
        return True

    def require(self) -> None:
        """Raise EngineError unless the engine answers."""
        self.request("GET", "/_ping", seconds=3.0, raw=True)

    def _date(self) -> str:
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

    def inspect(self, name: str) -> dict[str, Any]:
        """Return everything the engine knows about a container, by name or id."""
        found: dict[str, Any] = self.get(f"/containers/{_quoted(name)}/json")
        return found

    def new_exec(self, container: str, options: Mapping[str, Any]) -> str:
        """Create a command in a container, for `/exec/ID/start` to start, and return its id."""
        exec_id = str(self.post(f"/containers/{_quoted(container)}/exec", dict(options))["Id"])
        self.execs.add(exec_id)
        return exec_id

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return everything the engine knows about an image, or None if there is no image of that name."""
        try:
            found: dict[str, Any] = self.get(f"/images/{urllib.parse.quote(reference)}/json")
        except NotFoundError:
            return None
        return _plainly_named(found)

    def list_all(self, kind: str, *, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """List containers (running or not), networks, volumes or images, by label."""
        filters = {"label": [f"{key}={value}" if value else key for key, value in (labels or {}).items()]}
        query: dict[str, Any] = {"filters": filters}
        if kind == "containers":
            query["all"] = True
        found = self.request(
            "GET", f"/{kind}" if kind in {"networks", "volumes"} else f"/{kind}/json", query=query
        )
        items: list[dict[str, Any]] = (found.get("Volumes") or []) if kind == "volumes" else found
        return [_plainly_named(item) for item in items] if kind == "images" else items

    def logs(self, name: str, tail: int = 20, *, since: float = 0.0) -> str:
        """Return the last lines that a container wrote, both streams, as text.

        Args:
            name: the container's name or id.
            tail: how many lines.
            since: only lines from this moment on, in seconds since 1970 by the engine's clock.

        Raises:
            UnreadableLogsError: the engine keeps no logs of this container.
        """
        try:
            data = self.request(
                "GET",
                f"/containers/{_quoted(name)}/logs",
                query={"stdout": True, "stderr": True, "tail": tail}
                | ({"since": f"{since:.6f}"} if since else {}),
                raw=True,
            )
        except RefusedError as error:
            if "logging driver" in error.what:
                raise UnreadableLogsError(name, error.status) from error
            raise
        return demultiplex(data).decode(errors="replace")

    def events(
        self, *, since: float, until: float | None = None, filters: Mapping[str, list[str]] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield engine events.

        Args:
            since: the first moment, by the engine's clock.
            until: the last moment; a time in the future of the engine's clock means now. Without it, the stream
                continues until it is closed.
            filters: which events.
        """
        query: dict[str, Any] = {"since": f"{since:.6f}", "filters": dict(filters or {})}
        last = float("inf")
        if until is not None:
            # An engine whose clock is behind would otherwise wait until that time.
            now = self.clock.now()
            until = now if until >= time.time() - NOW_SECONDS else min(until, now)
            if self._podman:
                # Podman 5 stops to read its log at `until` by the clock, so it tells of few events up to now or of none.
                query["stream"], last = False, until
            else:
                query["until"] = f"{until:.6f}"
        connection = EngineConnection(self.dial, REQUEST_SECONDS)
        try:
            response = _event_stream(connection, query)
            if until is not None and not self._podman and _PODMAN in response.getheader("Server", ""):
                self._podman = True
                yield from self.events(since=since, until=until, filters=filters)
                return
            if until is None and connection.sock is not None:
                connection.sock.settimeout(None)
            while line := response.readline():
                if line.strip() and (event := json.loads(line)).get("timeNano", 0) / 1e9 <= last:
                    yield event
            if until is None:
                raise http.client.HTTPException("the connection was closed")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineError(f"The container engine's events ended: {_reason(error)}.") from error
        finally:
            connection.close()


_PODMAN = "Libpod"
"""What Podman calls itself in the header `Server` of its answers."""


def _event_stream(connection: EngineConnection, query: Mapping[str, Any]) -> http.client.HTTPResponse:
    connection.request("GET", "/events" + _encode(query))
    response = connection.getresponse()
    if response.status >= 400:
        raise RefusedError(
            f"The engine does not provide an event stream: {_message(response.read(65536))}", response.status
        )
    return response


def demultiplex(data: bytes) -> bytes:
    """Join the payloads of a multiplexed stream (Engine API, "Attach to a container", stream format)."""
    parts, position = [], 0
    while position + 8 <= len(data):
        if data[position] > 2 or data[position + 1 : position + 4] != b"\0\0\0":
            return data  # a container with a terminal writes plain bytes
        size = int.from_bytes(data[position + 4 : position + 8], "big")
        parts.append(data[position + 8 : position + 8 + size])
        position += 8 + size
    return b"".join(parts)


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether an engine is Podman, from its answer to `/version`: it runs containers like Docker, but has no BuildKit."""
    return any("Podman" in str(each.get("Name", "")) for each in version.get("Components") or [])


def limits_nothing(info: Mapping[str, Any]) -> bool:
    """Whether an engine runs without cgroups, by its `/info`: as rootless engines do unless systemd delegates some."""
    return info.get("CgroupDriver") == "none"


def keeps_both(info: Mapping[str, Any]) -> bool:
    """Whether an engine keeps of each image what was pulled beside what was unpacked, about twice as much, by its `/info`.

    That is containerd's store, which Engine 29 and Docker Desktop have by default.
    """
    return any("io.containerd.snapshotter" in str(value) for _, value in info.get("DriverStatus") or [])


def _plainly_named(image: dict[str, Any]) -> dict[str, Any]:
    """Return an image with its names as Docker writes them, without the registries that Podman puts before them."""
    if not image.get("RepoTags"):
        return image
    names = (
        str(tag).removeprefix(LOCAL_REGISTRY).removeprefix("docker.io/library/") for tag in image["RepoTags"]
    )
    return {**image, "RepoTags": list(dict.fromkeys(name.removeprefix("docker.io/") for name in names))}


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _json(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _encode(query: Mapping[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value) if isinstance(value, dict | list) else str(value)

    return "?" + urllib.parse.urlencode({key: text(value) for key, value in query.items()}) if query else ""


def _message(payload: bytes) -> str:
    try:
        decoded = json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace").strip() or "no reason given"
    return str(decoded.get("message", decoded)) if isinstance(decoded, dict) else str(decoded)


def _read(response: http.client.HTTPResponse) -> bytes:
    # If read() gets a size, it does not notice that a body of known length was cut short.
    payload = response.read(None if (response.length or 0) else ANSWER_BYTES + 1)
    if len(payload) > ANSWER_BYTES:
        raise http.client.HTTPException(f"more than {ANSWER_BYTES >> 20} MiB")
    return payload


def _receive(sock: socket.socket, path: str) -> bytes:
    chunk = sock.recv(65536)
    if not chunk:
        raise EngineError(f"The container engine closed the connection (POST {path}).")
    return chunk


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _answer(method: str, path: str, status: int, payload: bytes, *, raw: bool) -> Any:
    if status == 404:
        raise NotFoundError(f"The engine: {_message(payload)}")
    if status >= 400:
        raise RefusedError(f"The engine refused {method} {path}: {_message(payload)}", status)
    if raw:
        return payload
    try:
        return json.loads(payload) if payload.strip() else None
    except ValueError as error:
        raise EngineError(
            f"What answers {method} {path} is not a container engine: {_message(payload)[:80]}",
            remedy="Check what DOCKER_HOST or the docker context names; `lab doctor` says more.",
        ) from error
