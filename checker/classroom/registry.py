"""The registry of a class: a container on the teacher's machine, on loopback alone; the room reads it through the class's door."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import time
from typing import TYPE_CHECKING, Any

from checker.engine.api import ROLE, NotFoundError
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from checker.engine.api import Engine
    from checker.images.catalogue import Image
    from checker.session.session import Session

IMAGE = "registry"
NAME = "drydock-class-"
"""How the names of the container and of the volume with what it has begin; the volume stays until `lab class purge`."""

LABELS = {ROLE: "class-registry"}
PORT = "5000/tcp"
STEP_SECONDS = 120.0
READY_SECONDS = 60.0
"""How long it may take to answer; it is given up earlier if its container ends."""


def name_of(folder: Path) -> str:
    """Return the name of a class's container and volume: two classes on one engine do not disturb each other.

    Args:
        folder: the class's folder.
    """
    return NAME + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]


@contextlib.contextmanager
def serving(session: Session, folder: Path, images: Iterable[Image]) -> Iterator[int]:
    """Run the registry for a block, filled with some images; give its port on loopback.

    What it has already is not sent to it again.

    Args:
        session: the course and its engine.
        folder: the class's folder.
        images: what the room may fetch. Those that are missing here are pulled, loaded or built first.

    Raises:
        LabError: an image could not be made, or the registry does not answer.
    """
    from checker.images import publish  # noqa: PLC0415 - a class without images needs no engine
    from checker.images.catalogue import Images  # noqa: PLC0415
    from checker.images.store import Store  # noqa: PLC0415
    from checker.images.supply import ensure, locked  # noqa: PLC0415

    wanted = list(images)
    own = Images(session.places.root).find(IMAGE)
    ensure([each.short for each in (own, *wanted)], session.say, places=session.places, engine=session.engine)
    name = name_of(folder)
    remove(session.engine, name)
    made = str(
        session.engine.request(
            "POST",
            "/containers/create",
            body=_body(own.reference, name),
            query={"name": name},
            seconds=STEP_SECONDS,
        )["Id"]
    )
    try:
        session.engine.request("POST", f"/containers/{made}/start", seconds=STEP_SECONDS)
        port = _ready(session.engine, made)
        with locked(
            session.places, Store(session.engine), session.client, session.say, no_install=True
        ) as supply:
            publish.push(wanted, f"127.0.0.1:{port}", supply.workshop)
        yield port
    finally:
        with contextlib.suppress(LabError):
            remove(session.engine, name)


def _body(image: str, name: str) -> dict[str, Any]:
    return {
        "Image": image,
        "Labels": LABELS,
        "ExposedPorts": {PORT: {}},
        "HostConfig": {
            "PortBindings": {PORT: [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": name,
                    "Target": "/var/lib/registry",
                    "VolumeOptions": {"Labels": LABELS},
                }
            ],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
        },
    }


def _ready(engine: Engine, container: str) -> int:
    """Return its port, once it answers."""
    until = time.monotonic() + READY_SECONDS
    pause = 0.05
    while time.monotonic() < until:
        found = engine.inspect(container)
        bound = (found["NetworkSettings"].get("Ports") or {}).get(PORT)
        if found["State"].get("Status") in {"exited", "dead"}:
            break
        if bound and _answers(int(bound[0]["HostPort"])):
            return int(bound[0]["HostPort"])
        time.sleep(pause)
        pause = min(1.0, pause * 2)
    raise LabError(
        "The registry of the class does not answer.",
        remedy="Hold the class without it: leave --labs out.",
        detail=engine.logs(container, 5),
    )


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def remove(engine: Engine, name: str) -> None:
    """Remove the container of that name, if there is one; what it has stays."""
    with contextlib.suppress(NotFoundError):
        engine.request("DELETE", f"/containers/{name}", query={"force": True}, seconds=STEP_SECONDS)


def purge(engine: Engine, folder: Path) -> bool:
    """Remove a class's container and what it has; return whether there was something."""
    name = name_of(folder)
    remove(engine, name)
    try:
        engine.request("DELETE", f"/volumes/{name}", seconds=STEP_SECONDS)
    except NotFoundError:
        return False
    return True
