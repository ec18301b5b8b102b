"""Who gave the answers while a version took the place of another, and whether what runs now is the lab's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from checker.grading.author import fail, moment

from .unsettled import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.cluster.swarm import Service, Swarm
    from checker.grading.author import Lab, Timeline
    from checker.timeline.model import Rollout

SHORT_ID = re.compile(r"[0-9a-f]{12}")
"""What a copy is called that nobody named: the beginning of its container's id."""

BEGINNING_SECONDS = 10.0
"""How long after a service was made its first copies are ordered at most."""


def require_not_taken_back(swarm: Swarm, service: Service, after: str) -> None:
    """Require that the swarm has not rolled the service back because copies of the new version ended."""
    status: Mapping[str, Any] = service.record.get("UpdateStatus") or {}
    if not str(status.get("State", "")).startswith("rollback") or service.image.endswith(f":{after}"):
        return
    tried = [task for task in swarm.tasks() if task.image.endswith(f":{after}")]
    ended = [task for task in tried if task.state in {"failed", "rejected", "complete"}]
    if not ended:
        return
    reason = next((task for task in ended if task.error), None)
    fail(
        f"The update of `{service.name}` to {after} was rolled back, and {service.image} runs again. A swarm does so by itself "
        "when a new copy ends or does not become healthy, if the service asks for that.",
        expected=f"copies of {after}",
        seen=f"{status.get('State')}: {status.get('Message')}",
        source=f"docker service inspect --pretty {service.name}",
        evidence=shown(reason),
        hint=f"`docker service ps --no-trunc {service.name}` shows how the copies of {after} ended.",
    )


def require_own_answers(swarm: Swarm, service: Service, move: Rollout, timeline: Timeline) -> None:
    """Require that nothing but copies of the service answered while one version took the place of another.

    A swarm forgets old tasks and the tasks of copies that are wanted no more. Where it may have forgotten one that
    answered, and where copies have names of their own, nothing is said.
    """
    answered = {each.instance for each in timeline.between(move.begin, move.end).good}
    known = _containers(swarm, service, move)
    strange = sorted(name for name in answered if SHORT_ID.fullmatch(name) and name not in known)
    if not strange or not known:
        return
    fail(
        f"While {move.after} took the place of {move.before}, users got answers from a container that is no copy of "
        f"`{service.name}`: something else served in its place, so the record does not show what `{service.name}` can do alone.",
        expected=f"answers of copies of `{service.name}` alone",
        seen=f"answers of the container {strange[0]}",
        source=f"lab timeline 9; docker service ps {service.name}",
        hint="The front sends requests to port 8080 of each node, no matter what answers there. Go back to "
        f"{move.before}, remove what is not of the service, and roll out again.",
    )


def _containers(swarm: Swarm, service: Service, move: Rollout) -> set[str]:
    """Return the short ids of all containers that the service had in a move; empty if one may have been forgotten."""
    previous: Mapping[str, Any] = service.record.get("PreviousSpec") or {}
    image = str(((previous.get("TaskTemplate") or {}).get("ContainerSpec") or {}).get("Image", ""))
    moved_last = image.partition("@")[0].endswith(f":{move.before}") and previous.get(
        "Mode"
    ) == service.spec.get("Mode")
    tasks = swarm.tasks()
    first: dict[str, float] = {}
    for task in tasks:
        place = str(task.slot or task.node)
        first[place] = min(first.get(place, moment(task.created)), moment(task.created))
    whole = all(created - service.created < BEGINNING_SECONDS for created in first.values())
    return {task.container[:12] for task in tasks if task.container} if moved_last and whole else set()


def require_provided_image(lab: Lab, swarm: Swarm, service: Service) -> None:
    """Require that each node has the lab's own image under the name that the service runs.

    An image has other ids on other engines; its layers, its environment and its command are the same everywhere.
    """
    tag = service.image.rpartition(":")[2]
    ours = _content(lab.image(f"drydock/parcel:{tag}") or {})
    for node in sorted({each.node for each in swarm.instances() if each.node}):
        theirs = _content(swarm.ask(f"/images/{service.image}/json", node=node))
        if not any(ours) or theirs == ours:
            continue
        fail(
            f"What {node} has under the name {service.image} is not the image that the lab brought: it was built or "
            "committed again, so what is in it is unknown.",
            expected=f"Parcel {tag} as the lab brought it",
            seen=f"another image of the name {service.image} on {node}",
            source=f"docker --host tcp://{node}:2375 image history {service.image}",
            hint="The task leaves the images as they are: what Parcel needs to be told, the service can tell it. "
            "`lab reset 9` gives each node its images again.",
        )


def _content(image: Mapping[str, Any]) -> tuple[Any, ...]:
    config = image.get("Config") or {}
    told = (
        tuple(sorted(config.get("Env") or ())),
        tuple(config.get("Entrypoint") or ()),
        tuple(config.get("Cmd") or ()),
    )
    return (*told, tuple((image.get("RootFS") or {}).get("Layers") or ()))
