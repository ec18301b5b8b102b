"""The rented machine's engine, as the meter reads it: its events, its containers, and what they use. It changes nothing."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 5.0
"""How long an answer of the engine may take."""


@dataclass(frozen=True)
class Reserved:
    """What a running container reserves; without a limit, None: it may use the whole machine.

    Attributes:
        name: the container's name.
        image: its image, as it was named.
        vcpu: processors.
        memory: bytes.
        holds_engine: whether the engine's socket is mounted in it, so that it can work without being asked.
    """

    name: str
    image: str
    vcpu: float | None
    memory: int | None
    holds_engine: bool


class _Connection(http.client.HTTPConnection):
    """An HTTP connection over a socket of the file system."""

    def __init__(self, path: str, seconds: float | None) -> None:
        super().__init__("engine", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """The engine behind a socket.

    Args:
        path: the socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def get(self, path: str) -> Any:
        """Return an answer of the engine.

        Raises:
            OSError: it does not answer, or answers with an error.
        """
        connection = _Connection(self._path, SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"{path}: HTTP {answer.status}")
        return json.loads(body)

    def events(self, since: float) -> Iterator[dict[str, Any]]:
        """Yield what happens to containers from a moment on, until the engine ends.

        Args:
            since: seconds since 1970.

        Raises:
            OSError: it does not answer.
        """
        connection = _Connection(self._path, None)
        wanted = quote(json.dumps({"type": ["container"], "event": ["start", "die", "update", "rename"]}))
        try:
            connection.request("GET", f"/events?since={since:.9f}&filters={wanted}")
            answer = connection.getresponse()
            while line := answer.readline():
                yield json.loads(line)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"/events: {error!r}") from error
        finally:
            connection.close()

    def running(self) -> list[str]:
        """Return the ids of the containers that run."""
        return [each["Id"] for each in self.get("/containers/json")]

    def reserved(self, name: str) -> Reserved | None:
        """Return what a container reserves; None if it does not run."""
        try:
            record = self.get(f"/containers/{name}/json")
        except OSError:
            return None
        return reserved_by(record) if record["State"]["Running"] else None

    def used(self, name: str) -> tuple[float, int] | None:
        """Return the processor seconds that a container has used, and the bytes that it has received; None if it is gone."""
        try:
            stats = self.get(f"/containers/{name}/stats?stream=false&one-shot=true")
            seconds = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        except (OSError, KeyError):
            return None
        return seconds, sum(each["rx_bytes"] for each in (stats.get("networks") or {}).values())

    def stored(self) -> dict[str, int]:
        """Return the bytes that images, volumes and the containers' own files take, each by its name."""
        found = self.get("/system/df")
        stored = {"images": int(found.get("LayersSize") or 0)}
        stored |= {
            f"volume {each['Name']}": int(each["UsageData"]["Size"]) for each in found["Volumes"] or []
        }
        for each in found["Containers"] or []:
            stored[f"files of {each['Names'][0][1:]}"] = int(each.get("SizeRw") or 0)
        return {name: size for name, size in stored.items() if size > 0}


def reserved_by(record: dict[str, Any]) -> Reserved:
    """Return what a container reserves, from the engine's record of it."""
    host = record["HostConfig"]
    vcpu = (host.get("NanoCpus") or 0) / 1e9
    if not vcpu and (host.get("CpuQuota") or 0) > 0:
        vcpu = host["CpuQuota"] / (host.get("CpuPeriod") or 100_000)
    return Reserved(
        record["Name"].lstrip("/"),
        record["Config"]["Image"],
        vcpu or None,
        host.get("Memory") or None,
        any(str(each.get("Source", "")).endswith("docker.sock") for each in record.get("Mounts") or []),
    )
