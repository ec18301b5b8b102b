"""The container engine as checks and scenes use it: a small client of the Engine API.

It has only what the course needs. With the Docker SDK, a verdict would take half as long again to import
(`benchmarks/run.py imports`). checker.engine.sdk offers the SDK to people, and
tests/integration/engine/test_against_sdk.py compares the two.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from checker.engine.clock import Clock
from checker.engine.requests import NotFoundError, RefusedError, Requests, reason_of
from checker.errors import EngineError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from checker.engine.endpoint import Endpoint

__all__ = [
    "COMPOSE_FOLDER",
    "COMPOSE_PROJECT",
    "COMPOSE_SERVICE",
    "IMAGE",
    "IMAGE_VERSION",
    "KEPT",
    "LABEL",
    "LOCAL_REGISTRY",
    "ROLE",
    "VARIANT",
    "Engine",
    "NotFoundError",
    "RefusedError",
    "UnreadableLogsError",
    "connect",
    "demultiplex",
    "is_podman",
    "keeps_both",
    "limits_nothing",
]

LABEL = "io.drydock.lab"
"""The label that says which lab a container, network, volume or image belongs to."""

ROLE = "io.drydock.role"
"""The label with the role of the course's own containers: toolbox, prober, node, checker."""

VARIANT = "io.drydock.variant"
"""The label of an image that a check made from one of the course's."""

IMAGE = "io.drydock.image"
"""The label that every image of the course carries and its containers inherit."""

IMAGE_VERSION = "org.opencontainers.image.version"
"""The label with the version of an image."""

COMPOSE_PROJECT = "com.docker.compose.project"
"""Compose's label with the project that a container, network or volume belongs to; a scene is one project."""

COMPOSE_SERVICE = "com.docker.compose.service"
"""Compose's label with the service that a container is of, which is a node's name too."""

COMPOSE_ONE_OFF = "com.docker.compose.oneoff"
"""Compose's label that is `True` for what `docker compose run` started."""

COMPOSE_FOLDER = "com.docker.compose.project.working_dir"
"""Compose's label with the folder that the project was started from."""

KEPT = "io.drydock.kept"
"""The label of a volume that scenes share, with the name of the image whose containers do. It belongs to no lab, and
`lab stop` keeps it."""

LOCAL_REGISTRY = "localhost/"
"""What Podman puts before the name of an image that did not come from a registry."""

NOW_SECONDS = 1.0
"""A time of our clock that is not older than this means now."""


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


class Engine(Requests):
    """One container engine, used through its API."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.clock = Clock(self.date, lambda: self.get("/info"))
        self.execs: set[str] = set()
        """The ids of the commands that this process started in containers."""
        self._podman = False
        """Whether its events have shown that it is Podman."""

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

    def inspect(self, name: str) -> dict[str, Any]:
        """Return everything the engine knows about a container, by name or id."""
        found: dict[str, Any] = self.get(f"/containers/{_quoted(name)}/json")
        return found

    def new_exec(self, container: str, options: Mapping[str, Any]) -> str:
        """Create a command in a container, for `/exec/ID/start` to start, and return its id."""
        exec_id = str(self.post(f"/containers/{_quoted(container)}/exec", dict(options))["Id"])
        self.execs.add(exec_id)
        return exec_id

    def files_below(self, container: str, folder: str, most: int | None = None) -> dict[str, bytes]:
        """Return the files below a folder of a container, by their path in that folder; empty if there is no such folder.

        Args:
            container: its name or id; it need not run.
            folder: the folder's absolute path.
            most: larger files are left out, in bytes; None for no limit.
        """
        import io  # noqa: PLC0415 - most commands read no file of a container
        import tarfile  # noqa: PLC0415

        try:
            data = self.request("GET", f"/containers/{container}/archive", query={"path": folder}, raw=True)
        except NotFoundError:
            return {}
        found = {}
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None and (most is None or member.size <= most):
                    # The archive's names begin with the folder's own.
                    found[member.name.partition("/")[2]] = content.read()
        return found

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
        self,
        *,
        since: float,
        until: float | None = None,
        filters: Mapping[str, list[str]] | None = None,
        opened: Callable[[socket.socket], None] = lambda _: None,
    ) -> Iterator[dict[str, Any]]:
        """Yield engine events.

        Args:
            since: the first moment, by the engine's clock.
            until: the last moment; a time in the future of the engine's clock means now. Without it, the stream
                continues until it is closed.
            filters: which events.
            opened: gets the socket of a stream without an end; to shut it ends the stream.
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
        try:
            with self.stream("/events", query, endless=until is None, opened=opened) as response:
                if until is not None and not self._podman and _PODMAN in response.getheader("Server", ""):
                    self._podman = True
                    yield from self.events(since=since, until=until, filters=filters)
                    return
                while line := response.readline():
                    if line.strip() and (event := json.loads(line)).get("timeNano", 0) / 1e9 <= last:
                        yield event
            if until is None:
                raise http.client.HTTPException("the connection was closed")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineError(f"The container engine's events ended: {reason_of(error)}.") from error


_PODMAN = "Libpod"
"""What Podman calls itself in the header `Server` of its answers."""


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
