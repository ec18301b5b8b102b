"""Who gave the answers while a version took the place of another, and whether what runs now is the lab's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from checker.cluster.interface import tag_of
from checker.grading.author import moment

from .address import networks
from .words import WHY, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checker.cluster.swarm import Service, Swarm, Task
    from checker.grading.author import Timeline
    from checker.timeline.model import Rollout

SHORT_ID = re.compile(r"[0-9a-f]{12}")
"""What a copy is called that nobody named: the beginning of its container's id."""

IMAGE = "drydock/parcel"

INSTANCE = "PARCEL_INSTANCE"
"""The variable with the name that a copy answers with; its host name, when it is not set."""

BEGINNING_SECONDS = 10.0
"""How long after a service was made its first copies are ordered at most."""


def require_moved_itself(
    swarm: Swarm, service: Service, before: str, after: str, everything: Timeline
) -> None:
    """Require that a move between two versions can have been this service's own.

    Args:
        swarm: the lab's swarm.
        service: the service that runs now.
        before: the old version.
        after: the new one.
        everything: the record of the users since the lab was started.
    """
    moves = [move for move in everything.rollouts() if (move.before, move.after) == (before, after)]
    early = service.created - moves[-1].begin if moves else 0.0
    if early > 0 and tag_of(service.image) == before:
        # Users may have seen the lesson's own service move.
        WHY.fail("not-moved-yet", service=service, before=before, after=after, seen=service.image)
    seen = f"the move began {early:.0f} s before `{service.name}` was made"
    WHY.require(early <= 0, "moved-before", service=service, before=before, after=after, seen=seen)
    seen = f"every copy that `{service.name}` had was of version {after}"
    strange = moves and _never_ran(service, before, swarm.tasks())
    WHY.require(not strange, "never-ran", service=service, before=before, after=after, seen=seen)


def _never_ran(service: Service, version: str, tasks: Sequence[Task]) -> bool:
    """Whether all that the swarm remembers of a service, from its beginning, is of other versions."""
    images = [each.image for each in (service.previous, *tasks) if each]
    if any(image.endswith(f":{version}") for image in images):
        return False
    # A swarm forgets old tasks; only one that remembers the first can say what never was.
    return bool(tasks) and _since_made(service, tasks) < BEGINNING_SECONDS


def _since_made(service: Service, tasks: Sequence[Task]) -> float:
    """Return how long after a service was made the first of these tasks was."""
    return min(moment(task.created) for task in tasks) - service.created


def require_not_taken_back(swarm: Swarm, service: Service, after: str) -> None:
    """Require that the swarm has not rolled the service back because copies of the new version ended."""
    state = str(service.update.get("State", ""))
    if not state.startswith("rollback") or service.image.endswith(f":{after}"):
        return
    ended = [task for task in swarm.tasks() if task.ended and task.image.endswith(f":{after}")]
    evidence = shown(next((task for task in ended if task.error), None))
    seen = f"{state}: {service.update.get('Message')}"
    WHY.require(not ended, "rolled-back", service=service, after=after, seen=seen, evidence=evidence)


def require_moved_warm(swarm: Swarm, service: Service, move: Rollout, variable: str, least: int) -> None:
    """Require that the copies that took the place of others warmed up then: a setting that came later proves nothing.

    A swarm forgets old tasks. Where none of the old version is left, and where copies have a command of their own, nothing is
    said.

    Args:
        swarm: the lab's swarm.
        service: the service that runs now.
        move: the move that users saw.
        variable: what makes Parcel warm up, in milliseconds.
        least: how many there must be.
    """
    records = [each for each in swarm.ask("/tasks") or () if each.get("ServiceID") == service.id]
    first: Mapping[str, Any] | None = None
    for record in sorted(records, key=lambda each: str(each["CreatedAt"]), reverse=True):
        container = record["Spec"].get("ContainerSpec") or {}
        image = str(container.get("Image", "")).partition("@")[0]
        if image.endswith(f":{move.before}"):
            break
        if image.endswith(f":{move.after}"):
            first = container
    else:
        return
    if first is None or first.get("Command") or first.get("Args"):
        return
    value = dict(each.partition("=")[::2] for each in first.get("Env") or ()).get(variable, "")
    seen = f"{variable}={value}" if value else f"{variable} was not set"
    warm = value.isdecimal() and int(value) >= least
    WHY.require(warm, "moved-cold", service=service, move=move, variable=variable, least=least, seen=seen)


def require_own_answers(swarm: Swarm, service: Service, move: Rollout, timeline: Timeline) -> None:
    """Require that nothing but copies of the service answered while one version took the place of another.

    A swarm forgets old tasks and the tasks of copies that are wanted no more. Where it may have forgotten one that
    answered, nothing is said; and where the copies may have any name, nothing but the id of another container tells.
    """
    answered = {each.instance for each in timeline.between(move.begin, move.end).good if each.instance}
    known = _containers(swarm, service, move)
    names, any_name = _named(swarm, service)
    strange = (
        sorted(each for each in answered - known - names if not any_name or SHORT_ID.fullmatch(each))
        if known
        else []
    )
    seen = f"answers of {''.join(strange[:1])}"
    WHY.require(not strange, "answered-by-another", service=service, move=move, seen=seen)


def _named(swarm: Swarm, service: Service) -> tuple[set[str], bool]:
    """Return the names that a service gives its copies, now and before its last change, and whether they may have any other."""
    told = [each for each in (service, service.previous) if each]
    names = {
        str(name)
        for each in told
        for name in (each.container.get("Hostname"), each.env.get(INSTANCE))
        if name
    }
    if any(network["Name"] == "host" for each in told for network in networks(swarm, each)):
        names |= set(swarm.nodes)  # on its network, a copy has the name of its node
    return names, any(each.command for each in told) or any("{{" in name for name in names)


def _containers(swarm: Swarm, service: Service, move: Rollout) -> set[str]:
    """Return the short ids of all containers that the service had in a move; empty if one may have been forgotten."""
    previous = service.previous
    if not previous or not previous.image.endswith(f":{move.before}"):
        return set()
    tasks = swarm.tasks()
    places: dict[object, list[Task]] = {}
    for task in tasks:
        places.setdefault(task.slot or task.node, []).append(task)
    whole = all(_since_made(service, of_one) < BEGINNING_SECONDS for of_one in places.values())
    same_mode = previous.spec.get("Mode") == service.spec.get("Mode")
    return {task.container[:12] for task in tasks if task.container} if whole and same_mode else set()


def require_provided_images(swarm: Swarm, service: Service, ours: Mapping[str, Mapping[str, Any]]) -> None:
    """Require that each node has the lab's own images under their names, and under the name that the service runs.

    An image has other ids on other engines; its layers, its environment and its command are the same everywhere.

    Args:
        swarm: the lab's swarm.
        service: the service that runs now.
        ours: the lab's images by their tags, as the learner's own engine has them.
    """
    names = {service.image, *(f"{IMAGE}:{tag}" for tag in ours)}
    for node in [each.name for each in swarm.members() if each.ready]:
        for name in sorted(names):
            wanted = _content(ours.get(tag_of(name)) or {})
            theirs = _content(swarm.image(node, name))
            seen = f"another image of the name {name} on {node}"
            same = theirs == wanted or not any(wanted) or not any(theirs)
            WHY.require(same, "another-image", node=node, image=name, tag=tag_of(name), seen=seen)


def _content(image: Mapping[str, Any]) -> tuple[list[str], ...]:
    """Return what is the same of an image on every engine: its environment, its command and its layers."""
    config = image.get("Config") or {}
    layers = (image.get("RootFS") or {}).get("Layers")
    return sorted(config.get("Env") or ()), *(
        list(each or ()) for each in (config.get("Entrypoint"), config.get("Cmd"), layers)
    )
