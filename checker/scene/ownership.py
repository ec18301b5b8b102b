"""What belongs to a lab, found by label; nothing else is ever removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from checker.engine.api import IMAGE, LABEL, Engine, NotFoundError, RefusedError

if TYPE_CHECKING:
    from checker.course.catalogue import Lab

_PROJECT = "com.docker.compose.project"


def _belongs(lab: Lab, labels: dict[str, str]) -> bool:
    return labels.get(LABEL) == lab.number or labels.get(_PROJECT, "") in {lab.project, f"{lab.project}-work"}


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
    """List a lab's volumes."""
    return [item for item in engine.list_all("volumes") if _belongs(lab, item.get("Labels") or {})]


def owned_images(engine: Engine, lab: Lab) -> list[dict[str, Any]]:
    """List the images that the learner built in a lab; the course's own are not among them."""
    found = engine.list_all("images", labels={LABEL: lab.number})
    return [item for item in found if IMAGE not in (item.get("Labels") or {}) or _built_here(item)]


def _built_here(item: dict[str, Any]) -> bool:
    # An image built on one of the course's inherits its label; its own tags tell it apart.
    return not any(str(tag).startswith("drydock/") for tag in item.get("RepoTags") or [])


def remove_owned(engine: Engine, lab: Lab, *, images: bool = True) -> list[str]:
    """Remove everything that belongs to a lab and return what was removed, by name.

    Raises:
        EngineError: the engine refused; what had been removed until then stays removed.
    """
    removed: list[str] = []
    containers = owned_containers(engine, lab)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(
            pool.map(
                lambda item: _delete(engine, f"/containers/{item['Id']}", force=True, v=True), containers
            )
        )
    removed += [item["Names"][0].lstrip("/") if item.get("Names") else item["Id"][:12] for item in containers]
    for network in owned_networks(engine, lab):
        _detach_all(engine, network["Id"])
        _delete(engine, f"/networks/{network['Id']}")
        removed.append(f"network {network['Name']}")
    for volume in owned_volumes(engine, lab):
        _delete(engine, f"/volumes/{volume['Name']}", force=True)
        removed.append(f"volume {volume['Name']}")
    if images:
        for image in owned_images(engine, lab):
            _delete(engine, f"/images/{image['Id']}", force=True)
            removed.append(f"image {(image.get('RepoTags') or [image['Id'][7:19]])[0]}")
    return removed


def _detach_all(engine: Engine, network: str) -> None:
    # A container of the learner's own, on the lab's network, is unplugged and left alone.
    for container in engine.get(f"/networks/{network}").get("Containers") or {}:
        try:
            engine.post(f"/networks/{network}/disconnect", {"Container": container, "Force": True})
        except NotFoundError:
            continue


def _delete(engine: Engine, path: str, **query: Any) -> None:
    try:
        engine.delete(path, **query)
    except NotFoundError:
        return
    except RefusedError as error:
        # Somebody else is removing it at this moment, or a stranger's container still uses the image.
        if error.status != 409:
            raise
