"""Who a lab on an engine belongs to: two checkouts, or two people, that use one engine do not take each other's.

A lab is one Compose project with names and ports of its own, so an engine has it once. Its toolbox says in a label who
started it and from where; where there is none, Compose's own label says from which folder.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.course.places import Places, find
from checker.engine.api import LABEL
from checker.errors import LabError

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

HOLDER = "io.drydock.holder"
"""The label, `PERSON@MACHINE:STATE FOLDER`. Each learner has a state folder of their own, whatever else is shared."""

PROOF = "io.drydock.proof"
"""The label of what `lab verify` made to prove an answer, and of a volume that is there as long as it does."""

_PROJECT = "com.docker.compose.project"
_FOLDER = "com.docker.compose.project.working_dir"


class HeldError(LabError):
    """The lab on this engine was started from another checkout, or by another person."""


@dataclass(frozen=True)
class Holder:
    """Who started a lab, and from where.

    Args:
        person: `ada@laptop`; empty when it is not known.
        place: the state folder; of a lab that says nothing of it, the lab's own folder.
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
        """The folder to go to: that of the course where the state folder is in its usual place."""
        place = Path(self.place)
        if not self.person:
            return str(place.parent.parent)
        return str(place.parent) if place.name == ".lab" else self.place


def myself(places: Places) -> Holder:
    """Return what this person's labs say of their holder."""
    return Holder(f"{_name()}@{socket.gethostname()}", str(places.state))


def _name() -> str:
    if not hasattr(os, "getuid"):
        return os.environ.get("USERNAME", "")
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def holder_of(engine: Engine, lab: Lab) -> Holder | None:
    """Return who holds a lab on an engine; None when nobody started it."""
    found = [item["Labels"] for item in engine.list_all("containers", labels={_PROJECT: lab.project})]
    for labels in found:
        if text := labels.get(HOLDER):
            person, _, place = text.partition(":")
            return Holder(person, place, proof=bool(labels.get(PROOF)))
    return next((Holder("", labels[_FOLDER]) for labels in found if labels.get(_FOLDER)), None)


def stranger(engine: Engine, lab: Lab, places: Places | None = None) -> Holder | None:
    """Return who holds a lab on an engine when that is not us; one whose checkout is gone holds nothing."""
    held = holder_of(engine, lab)
    if held is None:
        return None
    me = myself(places or find())
    if held.person == me.person and held.proof:
        return None  # a proof at work holds the lab's lock; one that does not was interrupted
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
        return error.errno in {errno.ENOENT, errno.ENOTDIR}  # what we may not look at is there
    return False


def require_own(engine: Engine, lab: Lab, places: Places | None = None) -> None:
    """Refuse to touch or judge a lab that another checkout or person holds.

    Raises:
        HeldError: names the holder, and the ways out.
    """
    held = stranger(engine, lab, places)
    if held is None:
        return
    who = f"{held.person}, from {held.checkout}" if held.person else f"another checkout, {held.checkout}"
    number = int(lab.number)
    raise HeldError(
        f"Lab {lab.number} on this engine was started by {who}.",
        remedy=f"Stop it there (`lab stop {number}` in that folder), or take it over, which removes its containers: "
        f"lab stop {number} --take. Other labs can run beside it; to have lab {lab.number} twice, give one of you "
        "another machine or virtual machine (how-to: Two people on one engine).",
    )


def mark_proof(engine: Engine, lab: Lab) -> None:
    """Leave a mark on the engine that what is there from now on is a proof's; it goes with the lab's volumes."""
    engine.post(
        "/volumes/create", {"Name": f"{lab.project}_proof", "Labels": {LABEL: lab.number, PROOF: "1"}}
    )


def left_by_proof(engine: Engine, lab: Lab) -> bool:
    """Whether what there is of a lab was made by `lab verify`, which was ended before it could remove it."""
    volumes = engine.list_all("volumes", labels={LABEL: lab.number, PROOF: ""})
    containers = engine.list_all("containers", labels={_PROJECT: lab.project, PROOF: ""})
    return bool(volumes) or any(item["Labels"].get(PROOF) for item in containers)
