"""Who a lab on an engine belongs to, so that two checkouts or two people on one engine do not touch each other's labs.

A lab is one Compose project with its own names and ports, so an engine has it only once. A label of its toolbox says who
started it and from where; without a toolbox, Compose's own label says from which folder.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.course.places import Places, find
from checker.engine.api import COMPOSE_FOLDER, COMPOSE_PROJECT, LABEL
from checker.errors import LabError
from checker.scene.ownership import scene_containers

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

HOLDER = "io.drydock.holder"
"""The label, `PERSON@MACHINE:STATE FOLDER`. Each learner has their own state folder, whatever else is shared."""

PROOF = "io.drydock.proof"
"""The label of everything that `lab verify` creates to prove an answer, and of a volume that exists while it does."""


class HeldError(LabError):
    """The lab on this engine was started from another checkout, or by another person."""


@dataclass(frozen=True)
class Holder:
    """Who started a lab, and from where.

    Args:
        person: `ada@laptop`; empty when it is not known.
        place: the state folder; the lab's own folder when its label does not name one.
    """

    person: str
    place: str
    proof: bool = False
    """Whether `lab verify` started it."""

    @property
    def label(self) -> str:
        """The label's text."""
        return f"{self.person}:{self.place}"

    @property
    def checkout(self) -> str:
        """The holder's folder: the course's if the state folder is in its usual place, otherwise the state folder."""
        place = Path(self.place)
        if not self.person:
            return str(place.parent.parent)
        return str(place.parent) if place.name == ".lab" else self.place


def myself(places: Places) -> Holder:
    """Return the holder of labs that this person starts."""
    return Holder(f"{_name()}@{socket.gethostname()}", str(places.state))


def _name() -> str:
    if not hasattr(os, "getuid"):
        return os.environ.get("USERNAME", "")
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def holder_of(engine: Engine, lab: Lab, scene: list[dict[str, Any]] | None = None) -> Holder | None:
    """Return who holds a lab on an engine; None when nobody started it. `scene` is as for `require_own`."""
    if scene is None:
        scene = scene_containers(engine, lab)
    found = [item["Labels"] for item in scene]
    for labels in found:
        if text := labels.get(HOLDER):
            person, _, place = text.partition(":")
            return Holder(person, place, proof=bool(labels.get(PROOF)))
    return next((Holder("", labels[COMPOSE_FOLDER]) for labels in found if labels.get(COMPOSE_FOLDER)), None)


def stranger(
    engine: Engine, lab: Lab, places: Places | None = None, scene: list[dict[str, Any]] | None = None
) -> Holder | None:
    """Return who holds a lab on an engine, if that is not us; a holder whose checkout is gone does not count."""
    held = holder_of(engine, lab, scene)
    if held is None:
        return None
    me = myself(places or find())
    if held.person == me.person and held.proof:
        return None  # a running proof holds the lab's lock; without the lock, it was interrupted
    if not held.person:
        own = Path(held.place) == lab.folder
        return None if own or _is_gone(held.checkout) else held
    same_machine = held.person.rpartition("@")[2] == me.person.rpartition("@")[2]
    if Path(held.place) == Path(me.place) and (same_machine or engine.endpoint.is_local):
        return None
    return None if same_machine and _is_gone(held.checkout) else held


def _is_gone(folder: str) -> bool:
    try:
        Path(folder).stat()
    except OSError as error:
        return error.errno in {errno.ENOENT, errno.ENOTDIR}  # a folder that we may not read exists
    return False


def require_own(
    engine: Engine, lab: Lab, places: Places | None = None, scene: list[dict[str, Any]] | None = None
) -> None:
    """Refuse to touch or check a lab that another checkout or person holds.

    Args:
        engine: the engine that runs it.
        lab: the lab.
        places: the course's folders; if left out, they are found.
        scene: the containers of its scene as the engine lists them; if left out, the engine is asked.

    Raises:
        HeldError: the message names the holder, and what to do.
    """
    held = stranger(engine, lab, places, scene)
    if held is None:
        return
    who = f"{held.person}, from {held.checkout}" if held.person else f"another checkout, {held.checkout}"
    number = int(lab.number)
    raise HeldError(
        f"Lab {lab.number} on this engine was started by {who}.",
        remedy=f"Stop it there (`lab stop {number}` in that folder), or take it over, which removes its containers: "
        f"lab stop {number} --take. Other labs can run beside it; to run lab {lab.number} twice, one of you needs "
        "another machine or virtual machine (how-to: Two people on one engine).",
    )


def mark_proof(engine: Engine, lab: Lab) -> None:
    """Mark on the engine that a proof creates the lab from now on; the mark is removed with the lab's volumes."""
    engine.post(
        "/volumes/create", {"Name": f"{lab.project}_proof", "Labels": {LABEL: lab.number, PROOF: "1"}}
    )


def left_by_proof(engine: Engine, lab: Lab) -> bool:
    """Whether what exists of a lab was left by a `lab verify` that ended before it could remove it."""
    volumes = engine.list_all("volumes", labels={LABEL: lab.number, PROOF: ""})
    containers = engine.list_all("containers", labels={COMPOSE_PROJECT: lab.project, PROOF: ""})
    return bool(volumes) or any(item["Labels"].get(PROOF) for item in containers)
