"""Probes of what earlier sessions left on the engine: parts of labs that are not started, and old images."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from checker.doctor.container import ROLE_NAME
from checker.doctor.finding import Probe, Seen, fine, note, problem
from checker.engine.api import COMPOSE_PROJECT, IMAGE, LABEL, ROLE
from checker.scene.holder import stranger
from checker.scene.names import WAYS
from checker.scene.state import services

if TYPE_CHECKING:
    from checker.doctor.machine import Machine

OLD_SECONDS = 60.0
"""A doctor's own container older than this is left from one that was killed."""


MB = 10**6


def labs(machine: Machine) -> tuple[Seen, ...]:
    """Look for labelled things whose lab is not started."""
    engine = machine.asked
    started = {lab.number for lab in machine.labs if "running" in services(engine, lab).values()}
    numbers: Counter[str] = Counter()
    for kind in ("containers", "networks", "volumes"):
        for item in engine.list_all(kind, labels={LABEL: ""}):
            number = str(item["Labels"][LABEL])
            if number not in started:
                numbers[number] += 1
    known = {lab.number for lab in machine.labs}
    what, remedies = [], []
    for number, count in sorted(numbers.items()):
        what.append(f"{count} of lab {number}, which is not started")
        remedies.append(
            f"lab stop {int(number)}"
            if number in known
            else f"docker rm --force --volumes $(docker ps --all --quiet --filter label={LABEL}={number})"
        )
    if old := _of_killed_doctors(machine):
        what.append(f"{len(old)} of a doctor that was killed")
        remedies.append(f"docker rm --force --volumes {' '.join(old)}")
    if what:
        return (note("; ".join(what), "Remove them: " + "; ".join(remedies)),)
    held = {lab.number: who for lab in machine.labs if (who := stranger(engine, lab, machine.places))}
    if held:
        named = "; ".join(
            f"lab {number} was started by {who.person or 'another checkout'}, from {who.checkout}"
            for number, who in sorted(held.items())
        )
        return (
            note(
                named,
                "Do other labs meanwhile, or ask for it to be stopped there. To take it over: lab stop N --take",
            ),
        )
    running = ", ".join(sorted(started))
    return (fine(f"nothing; started now: lab {running}" if running else "nothing"),)


def _of_killed_doctors(machine: Machine) -> list[str]:
    found = machine.asked.list_all("containers", labels={ROLE: ROLE_NAME})
    return [
        str(item["Id"])[:12] for item in found if time.time() + machine.skew - item["Created"] > OLD_SECONDS
    ]


def names(machine: Machine) -> tuple[Seen, ...]:
    """Look for containers and networks which no lab made, and which stand where a lab needs the name."""
    engine = machine.asked
    found: dict[str, tuple[str, str]] = {}
    for kind, separator in (("containers", "-"), ("networks", "_")):
        for item in engine.list_all(kind):
            labels = item.get("Labels") or {}
            if LABEL in labels or COMPOSE_PROJECT in labels:
                continue
            for name in item.get("Names") or [item.get("Name", "")]:
                name = name.lstrip("/")  # noqa: PLW2901 - the engine begins a container's name with it
                for lab in machine.labs:
                    if name.startswith(f"{lab.project}{separator}"):
                        found[f"{kind[:-1]} {name}"] = (lab.number, WAYS[kind[:-1]].format(name))
    if not found:
        return (fine("free"),)
    numbers = ", ".join(sorted({number for number, _ in found.values()}))
    return (
        problem(
            f"no lab made the {', the '.join(found)}, and a lab needs the name",
            f"Rename or remove it: {'; '.join(way for _, way in found.values())}",
            numbers,
        ),
    )


def images(machine: Machine) -> tuple[Seen, ...]:
    """Look for images of the course that no tag names any more."""
    old = [item for item in machine.images if not _tags(item) and IMAGE in (item.get("Labels") or {})]
    tags = sum(len(_tags(item)) for item in machine.images)
    if old:
        size = sum(item.get("Size", 0) for item in old) / MB
        return (
            note(
                f"{len(old)} older builds without a name ({size:.0f} MB with layers they share)",
                "Remove them: lab images prune",
            ),
        )
    return (fine(f"{tags} tags of the course, nothing left over"),)


def _tags(item: Any) -> list[str]:
    return [tag for tag in item.get("RepoTags") or [] if tag != "<none>:<none>"]


PROBES = (
    Probe("left over", (("old-resources", "from labs"),), labs),
    Probe("left over", (("names", "names"),), names),
    Probe("left over", (("old-images", "images"),), images),
)
