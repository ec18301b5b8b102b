"""The plan for a room: what some labs need of each machine and of the network, from what was measured."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from checker.classroom.columns import columns
from checker.engine.capacity import GB, MB, ROOM
from checker.errors import MisuseError
from checker.images.catalogue import Images
from checker.scene.admission import LEAST_DISK, NODES_DISK, memory_needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.course.catalogue import Lab


class LabNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What one lab needs, as `lab measure` measured it."""

    lab: str
    title: str
    minutes: int
    memory: int
    """Bytes, whichever ways are chosen, with the margin for a lab in use, without the engine itself."""
    disk: int
    """Bytes of all its images, and of what its nodes and containers write."""
    start_s: float
    needs: tuple[str, ...]
    """What the machine must be able to do, whichever ways of the lab are chosen."""
    images: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the labs need together. Sizes are in bytes and are upper limits: images share layers."""

    learners: int
    labs: tuple[LabNeed, ...]
    minutes: int
    memory: int
    """Of each machine: the largest lab and the engine, because one lab runs at a time."""
    disk: int
    """Of each machine: all images, and the most that a lab writes."""
    images: int
    """Of all images together, which is what each machine fetches."""
    download: int
    """What a room fetches if every machine fetches all images from outside."""
    link_mbit: float
    """Millions of bits a second that the room's connection carries."""
    alone_minutes: float
    """How long the download takes if every machine fetches all from outside."""
    shared_minutes: float
    """How long it takes if one machine fetches all, and gives them to the others on a stick or on the room's network."""
    helpers: int
    """One for every eight to ten learners (Carpentries' handbook)."""
    unmeasured: tuple[str, ...]
    """Labs without figures."""


def plan(labs: Sequence[Lab], learners: int, link_mbit: float) -> Plan:
    """Return what some labs need of a room.

    Args:
        labs: the labs.
        learners: how many machines there are.
        link_mbit: millions of bits a second that the room's connection to the outside carries.

    Raises:
        MisuseError: there is no lab or no learner, or the connection carries nothing.
    """
    if not labs or learners < 1 or link_mbit <= 0:
        raise MisuseError(
            "A plan needs a lab, a learner and a connection.",
            remedy="For instance: lab class plan 1 2 3 --learners 30 --mbit 50",
        )
    needs = tuple(_need(lab) for lab in labs)
    sizes = _sizes(labs)
    # A lab's own figure counts shared layers once; the sum over images counts them for each. Both are upper limits.
    images = min(sum(sizes.values()), sum(_measured_disk(lab) for lab in labs))
    writes = max(map(_written_disk, labs))
    return Plan(
        learners=learners,
        labs=needs,
        minutes=sum(need.minutes for need in needs),
        memory=max(need.memory for need in needs) + ROOM,
        disk=images + writes,
        images=images,
        download=images * learners,
        link_mbit=link_mbit,
        alone_minutes=_minutes(images * learners, link_mbit),
        shared_minutes=_minutes(images, link_mbit),
        helpers=-(-learners // 10),
        unmeasured=tuple(lab.number for lab in labs if lab.toml.measured is None),
    )


def _need(lab: Lab) -> LabNeed:
    measured = lab.toml.measured
    return LabNeed(
        lab=lab.slug,
        title=lab.toml.title,
        minutes=lab.toml.minutes,
        memory=_most_memory(lab),
        disk=_measured_disk(lab) + _written_disk(lab),
        start_s=measured.start_s if measured else 0.0,
        needs=tuple(sorted(lab.all_needs)),
        images=tuple(image.short for image in Images(lab.folder.parents[1]).resolve(lab.all_images)),
    )


def _measured_disk(lab: Lab) -> int:
    return int(lab.toml.measured.disk_mb * MB) if lab.toml.measured else 0


def _most_memory(lab: Lab) -> int:
    """Return the most memory that a lab needs, whichever ways are chosen."""
    choices = itertools.combinations(lab.toml.ways, len(lab.toml.usual))
    return max(memory_needed(lab.with_ways(names)) for names in choices)


def _written_disk(lab: Lab) -> int:
    """Return the most that a lab's containers write, whichever ways are chosen."""
    return LEAST_DISK + (NODES_DISK if "privileged" in lab.all_needs else 0)


def _sizes(labs: Sequence[Lab]) -> dict[str, int]:
    """Return the bytes of each image that some labs use, each once."""
    found: dict[str, int] = {}
    for lab in labs:
        for reference, text in (lab.toml.measured.images if lab.toml.measured else {}).items():
            # As `lab measure` writes it: `6848cc9ca64a, 102 MB`.
            words = text.rpartition(", ")[2].split()
            size = int(words[0]) * MB if len(words) == 2 and words[0].isdecimal() else 0
            found[reference] = max(size, found.get(reference, 0))
    return found


def _minutes(count: int, mbit: float) -> float:
    return round(count * 8 / (mbit * 1e6) / 60, 1)


def plan_lines(found: Plan) -> list[str]:
    """Return the plan as lines: what each lab needs, and what the room needs."""
    rows = [("lab", "minutes", "memory", "disk", "start", "needs", "title")]
    rows += [
        (
            need.lab[:2],
            str(need.minutes),
            size_words(need.memory) if need.memory else "unknown",
            size_words(need.disk),
            f"{need.start_s:.0f} s",
            ", ".join(need.needs) or "-",
            need.title,
        )
        for need in found.labs
    ]
    helpers = f"{found.helpers} helper{'s' if found.helpers != 1 else ''}"
    shared, alone = _time(found.shared_minutes), _time(found.alone_minutes)
    lines = [
        *columns(rows),
        "",
        f"Each machine: {size_words(found.memory)} of memory with the engine, {size_words(found.disk)} of free disk at most.",
        f"The room: {found.minutes} minutes of work, {found.learners} learners, {helpers}.",
        f"Images: {size_words(found.images)} at most, which one machine fetches in {shared} at {found.link_mbit:g} Mbit/s.",
        f"If each of {found.learners} machines fetches them: {size_words(found.download)}, {alone}.",
    ]
    if found.unmeasured:
        lines.append(
            f"Lab {', '.join(found.unmeasured)} was never measured: its memory and disk are missing above."
        )
    lines += _fetching(found)
    return lines


def _fetching(found: Plan) -> list[str]:
    images = list(dict.fromkeys(image for need in found.labs for image in need.images))
    lines = ["", "Fetch once, on a machine with a connection, and carry the file to the others:"]
    lines.append(f"  lab images build {' '.join(images)}")
    lines.append(f"  lab images save room.tar.gz {' '.join(images)}")
    if any("nomad" in need.needs for need in found.labs):
        lines.append("Nomad does not come with the course: see the page of lab 11.")
    return lines


def size_words(count: float) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / MB:.0f} MB"


def _time(minutes: float) -> str:
    return f"{minutes:.1f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
