"""Temporary containers for the doctor: run a script in one of our images, read its output, leave nothing behind."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.engine.api import ROLE
from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from checker.engine.api import Engine

ROLE_NAME = "doctor"
"""The role of the doctor's containers and networks, so that those of a killed doctor can be found."""

_LOGGED = {"Type": "json-file", "Config": {"max-size": "1m"}}
"""Output is read from the log, so the engine must keep one; a driver without options would get those of the engine, which
may cut a log off after a few lines."""

STEP_SECONDS = 60.0
"""How long the engine may take to make or end a container: with the storage driver vfs it copies the image first."""


@dataclass(frozen=True)
class Output:
    """What a script printed, as `key value` lines, and its exit code."""

    code: int
    text: str

    def value(self, key: str) -> str | None:
        """Return the text after a key, or None if the script did not reach it."""
        for line in self.text.splitlines():
            name, _, rest = line.partition(" ")
            if name == key:
                return rest.strip()
        return None


def run(
    engine: Engine,
    image: str,
    script: str,
    *,
    seconds: float,
    network: str = "none",
    alias: str = "",
    volumes: Mapping[str, object] | None = None,
    **host_config: Any,
) -> Output:
    """Run a script by `sh` as root in a container of an image, and remove the container.

    Args:
        engine: the engine.
        image: an image that is there; nothing is pulled.
        script: what `/bin/sh -c` runs.
        seconds: how long it may run.
        network: a network's name.
        alias: a name for it on that network.
        volumes: paths to put anonymous volumes at.
        host_config: the engine's HostConfig fields.

    Raises:
        EngineError: the engine could not make, start or wait for it.
    """
    body: dict[str, Any] = {
        "Image": image,
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": [script],
        "User": "0",
        "Labels": {ROLE: ROLE_NAME},
        "Healthcheck": {"Test": ["NONE"]},
        "Volumes": dict(volumes or {}),
        # Like the labs' containers, it is not remapped to other users.
        "HostConfig": {"NetworkMode": network, "LogConfig": _LOGGED, "UsernsMode": "host", **host_config},
    }
    if alias:
        body["NetworkingConfig"] = {"EndpointsConfig": {network: {"Aliases": [alias]}}}
    with _started(engine, body) as container:
        ended = engine.request("POST", f"/containers/{container}/wait", seconds=seconds)
        return Output(int(ended["StatusCode"]), engine.logs(container, 200))


@contextlib.contextmanager
def _started(engine: Engine, body: Mapping[str, Any]) -> Iterator[str]:
    """Make and start a container, give its id, and remove it."""
    made = str(engine.request("POST", "/containers/create", body=body, seconds=STEP_SECONDS)["Id"])
    try:
        engine.request("POST", f"/containers/{made}/start", seconds=STEP_SECONDS)
        yield made
    finally:
        with contextlib.suppress(EngineError):
            engine.request(
                "DELETE", f"/containers/{made}", query={"force": True, "v": True}, seconds=STEP_SECONDS
            )


@contextlib.contextmanager
def usual(engine: Engine, image: str) -> Iterator[str]:
    """Run a container with the engine's own settings, such as its log driver, for a block; give its id.

    Raises:
        EngineError: the engine could not start it.
    """
    body = {
        "Image": image,
        "Entrypoint": ["/bin/sh", "-c", "sleep 60"],
        "Cmd": [],
        "Labels": {ROLE: ROLE_NAME},
    }
    with _started(engine, {**body, "HostConfig": {"NetworkMode": "none"}}) as container:
        yield container


def ask_as_labs_do(engine: Engine, container: str) -> None:
    """Make the kinds of requests that labs need and other probes do not: a command in a container, files, processes, events.

    Raises:
        EngineError: the engine, or what is in front of it, refuses one of them.
    """
    engine.request("POST", f"/containers/{container}/exec", body={"Cmd": ["true"]}, seconds=STEP_SECONDS)
    engine.request("GET", f"/containers/{container}/top", seconds=STEP_SECONDS)
    path = {"path": "/etc/hostname"}
    engine.request("GET", f"/containers/{container}/archive", query=path, seconds=STEP_SECONDS, raw=True)
    for _ in engine.events(since=engine.clock.now(), until=engine.clock.now()):
        pass


@contextlib.contextmanager
def serving(engine: Engine, image: str, *, network: str, alias: str, port: int) -> Iterator[int]:
    """Run an image that serves, with its own entrypoint, for a block; give the port at which this machine reaches it.

    Args:
        engine: the engine.
        image: an image that is there; nothing is pulled.
        network: a network's name.
        alias: its name on that network.
        port: what it listens on inside.

    Raises:
        EngineError: the engine could not make or start it.
    """
    key = f"{port}/tcp"
    body = {
        "Image": image,
        "Labels": {ROLE: ROLE_NAME},
        "Healthcheck": {"Test": ["NONE"]},
        "ExposedPorts": {key: {}},
        "HostConfig": {
            "NetworkMode": network,
            "LogConfig": _LOGGED,
            "PortBindings": {key: [{"HostIp": "127.0.0.1", "HostPort": ""}]},
        },
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": [alias]}}},
    }
    with _started(engine, body) as container:
        bound = (engine.inspect(container)["NetworkSettings"].get("Ports") or {}).get(key)
        if not bound:
            said = engine.logs(container, 3).strip()
            raise EngineError(f"{image} ended at once{f': {said}' if said else '.'}")
        yield int(bound[0]["HostPort"])


@contextlib.contextmanager
def own_network(engine: Engine, name: str) -> Iterator[str]:
    """Make a network like a lab's for a block, and remove it.

    Raises:
        EngineError: the engine could not make it, for example because no addresses are free.
    """
    body = {"Name": name, "Labels": {ROLE: ROLE_NAME}}
    made = engine.request("POST", "/networks/create", body=body, seconds=STEP_SECONDS)["Id"]
    try:
        yield name
    finally:
        with contextlib.suppress(EngineError):
            engine.request("DELETE", f"/networks/{made}", seconds=STEP_SECONDS)
