"""What belongs to a lab, found by label; nothing else is ever removed."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from checker.engine.api import (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    IMAGE,
    KEPT,
    LABEL,
    VARIANT,
    Engine,
    NotFoundError,
    RefusedError,
)
from checker.engine.clock import moment
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.course.catalogue import Lab

_UNNAMED = re.compile(r"[0-9a-f]{64}")

_NODES = frozenset({"node", "rented", "nomad"})
"""The images of machines with an engine of their own, on which learners can pause containers."""

_THAW = (
    "for each in $(find /sys/fs/cgroup/freezer -name freezer.state 2>/dev/null); do echo THAWED >$each; done"
)
"""On version 1 of cgroups, a frozen process does not die, and with it stays the node that it is in."""

_THAW_SECONDS = 5.0


def _belongs(lab: Lab, labels: dict[str, str]) -> bool:
    if KEPT in labels:
        return False  # Compose labels it with the project that happened to create it
    return labels.get(LABEL) == lab.number or labels.get(COMPOSE_PROJECT, "") in {
        lab.project,
        f"{lab.project}-work",
    }


def owned_containers(engine: Engine, lab: Lab) -> list[dict[str, Any]]:
    """List a lab's containers, running or not.

    They carry the lab's label or its Compose project; or, when the learner started them in a terminal of their
    own, an image of the course and a name that the task asks for.
    """
    found = []
    for item in engine.list_all("containers"):
        labels = item.get("Labels") or {}
        names = {name.lstrip("/") for name in item.get("Names") or []}
        asked_for = IMAGE in labels and LABEL not in labels and names & set(lab.toml.containers)
        if _belongs(lab, labels) or asked_for:
            found.append(item)
    return found


def scene_containers(engine: Engine, lab: Lab, service: str = "") -> list[dict[str, Any]]:
    """List the containers that Compose made for a lab's scene, running or not; or those of one of its services."""
    labels = {COMPOSE_PROJECT: lab.project} | ({COMPOSE_SERVICE: service} if service else {})
    return engine.list_all("containers", labels=labels)


def strangers(engine: Engine, lab: Lab) -> list[str]:
    """Name the containers that stand where the task's containers should, and are not the lab's."""
    ours = {item["Id"] for item in owned_containers(engine, lab)}
    return sorted(
        name.lstrip("/")
        for item in engine.list_all("containers")
        if item["Id"] not in ours
        for name in item.get("Names") or []
        if name.lstrip("/") in lab.toml.containers
    )


def owned_networks(engine: Engine, lab: Lab) -> list[dict[str, Any]]:
    """List a lab's networks."""
    return [item for item in engine.list_all("networks") if _belongs(lab, item.get("Labels") or {})]


def owned_volumes(engine: Engine, lab: Lab) -> list[dict[str, Any]]:
    """List a lab's volumes.

    They carry the lab's label or its Compose project; or they have no label, as `docker run -v NAME:…` makes them, are younger
    than the lab's scene, and only containers of the lab mount them.
    """
    ours = {item["Id"] for item in owned_containers(engine, lab)}
    started = min((int(item.get("Created") or 0) for item in scene_containers(engine, lab)), default=0)
    mounted: dict[str, bool] = {}
    for item in engine.list_all("containers") if started else ():
        for mount in item.get("Mounts") or []:
            name = mount.get("Name") or ""
            mounted[name] = mounted.get(name, True) and item["Id"] in ours
    return [
        item
        for item in engine.list_all("volumes")
        if _belongs(lab, item.get("Labels") or {})
        or (
            not item.get("Labels")
            and mounted.get(item["Name"])
            and moment(item.get("CreatedAt") or "") >= started
        )
    ]


def owned_images(engine: Engine, lab: Lab) -> list[dict[str, Any]]:
    """List the images that the learner built in a lab; the course's own are not among them."""
    found = engine.list_all("images", labels={LABEL: lab.number})
    return [item for item in found if IMAGE not in (item.get("Labels") or {}) or _built_here(item)]


def _built_here(item: dict[str, Any]) -> bool:
    # An image built on one of the course's inherits its label; its own tags, or the check that made it, tell it apart.
    return VARIANT in (item.get("Labels") or {}) or not any(
        str(tag).startswith("drydock/") for tag in item.get("RepoTags") or []
    )


def remove_owned(
    engine: Engine, lab: Lab, *, images: bool = True, keep: frozenset[str] = frozenset()
) -> list[str]:
    """Remove everything that belongs to a lab and return what was removed, by name.

    Args:
        engine: the engine.
        lab: the lab.
        images: remove the images too that the learner built.
        keep: the ids of containers and networks, and the names of volumes, that stay.

    Raises:
        EngineError: the engine refused; what had been removed until then stays removed.
    """
    removed: list[str] = []
    # More than once: what runs in a toolbox goes on making containers until the toolbox is gone, and what an engine is
    # about to make for a `lab` that was killed it makes all the same. As long as a look finds more, another follows.
    while more := _remove(engine, *(_but(keep, several) for several in _owned(engine, lab))):
        removed += more
    for image in owned_images(engine, lab) if images else ():
        if _delete(engine, f"/images/{image['Id']}", force=True):
            removed.append(f"image {(image.get('RepoTags') or [image['Id'][7:19]])[0]}")
    return removed


def _owned(engine: Engine, lab: Lab) -> list[list[dict[str, Any]]]:
    return [owned_containers(engine, lab), owned_networks(engine, lab), owned_volumes(engine, lab)]


def scene_ids(engine: Engine, lab: Lab) -> frozenset[str]:
    """Return the ids of the containers, networks and volumes that Compose made for the scene itself."""
    return frozenset(_id(item) for several in _scene_parts(engine, lab) for item in several)


def unnamed_volumes(engine: Engine, lab: Lab) -> frozenset[str]:
    """Return the volumes of the scene's containers that have no name of their own: no label says whose they are."""
    names = (
        mount.get("Name") or ""
        for item in scene_containers(engine, lab)
        for mount in item.get("Mounts") or []
    )
    return frozenset(name for name in names if _UNNAMED.fullmatch(name))


def remove_unused(engine: Engine, volumes: frozenset[str]) -> None:
    """Remove those volumes that no container mounts any more: Compose leaves them when it removes a container."""
    for name in sorted(volumes):
        _delete(engine, f"/volumes/{name}")


def remove_scene(engine: Engine, lab: Lab, *, keep: frozenset[str]) -> list[str]:
    """Remove what Compose made for the scene, except what to keep; nothing that the learner made."""
    return _remove(engine, *(_but(keep, several) for several in _scene_parts(engine, lab)))


def _scene_parts(engine: Engine, lab: Lab) -> list[list[dict[str, Any]]]:
    labels = {COMPOSE_PROJECT: lab.project}
    found = [engine.list_all(kind, labels=labels) for kind in ("containers", "networks", "volumes")]
    return [[item for item in several if KEPT not in (item.get("Labels") or {})] for several in found]


def _but(keep: frozenset[str], several: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for item in several if _id(item) not in keep]


def _id(item: dict[str, Any]) -> str:
    return str(item.get("Id") or item["Name"])  # a volume has no id


def _remove(
    engine: Engine,
    containers: list[dict[str, Any]],
    networks: list[dict[str, Any]],
    volumes: list[dict[str, Any]],
) -> list[str]:
    # Imported here: `lab check` reads this module too, and removes nothing.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(max_workers=8) as pool:
        gone = list(pool.map(lambda item: _delete_container(engine, item), containers))
    removed = [
        item["Names"][0].lstrip("/") if item.get("Names") else str(item["Id"][:12])
        for item, away in zip(containers, gone, strict=True)
        if away
    ]
    for network in networks:
        _detach_all(engine, network["Id"])
        if _delete(engine, f"/networks/{network['Id']}"):
            removed.append(f"network {network['Name']}")
    names = [
        volume["Name"] for volume in volumes if _delete(engine, f"/volumes/{volume['Name']}", force=True)
    ]
    return removed + [f"volume {name}" for name in names]


def wake(engine: Engine, containers: Iterable[dict[str, Any]]) -> None:
    """Let those of the listed containers go on that are paused."""
    for item in containers:
        if item.get("State") == "paused":
            # It may be gone, or go on by itself, by now.
            with contextlib.suppress(NotFoundError, RefusedError):
                engine.post(f"/containers/{item['Id']}/unpause")


def _delete_container(engine: Engine, item: dict[str, Any]) -> bool:
    if item.get("State") == "paused":
        # On cgroup v1 a frozen process does not die, and the engine waits for it.
        wake(engine, [item])
    elif item.get("State") == "running" and (item.get("Labels") or {}).get(IMAGE) in _NODES:
        # A node that does not even run a command is removed all the same, as far as the engine can.
        with contextlib.suppress(LabError):
            _thaw(engine, item["Id"])
    return _delete(engine, f"/containers/{item['Id']}", force=True, v=True)


def _thaw(engine: Engine, node: str) -> None:
    """Let go on what the learner has paused in a node: once the node has been killed, nothing can reach it any more."""
    from checker.engine.shell import Shell  # noqa: PLC0415 - `lab check` reads this module too, and removes nothing

    with Shell(engine, node) as shell:
        shell.run(_THAW, _THAW_SECONDS)


def _detach_all(engine: Engine, network: str) -> None:
    # A container of the learner's own, on the lab's network, is unplugged and left alone.
    with contextlib.suppress(NotFoundError):
        for container in engine.get(f"/networks/{network}").get("Containers") or {}:
            with contextlib.suppress(NotFoundError):
                engine.post(f"/networks/{network}/disconnect", {"Container": container, "Force": True})


def _delete(engine: Engine, path: str, **query: Any) -> bool:
    """Delete, and return whether it is gone by that."""
    try:
        engine.delete(path, **query)
    except NotFoundError:
        return False
    except RefusedError as error:
        # Somebody else is removing it at this moment, or a stranger's container still uses it.
        if error.status != 409:
            raise
        return False
    return True
