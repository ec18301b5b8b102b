"""The plan for a room: what some labs need of each machine and of the network, from what was measured, and which machines lack it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checker.classroom.names import plain
from checker.doctor.finding import Finding, Mark
from checker.engine.capacity import GB, MB, ROOM
from checker.errors import MisuseError
from checker.images.catalogue import Images
from checker.scene.admission import LEAST_DISK, NODES_DISK, memory_needed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from checker.course.catalogue import Lab

MOST_FILE = 2_000_000
"""How large a file of `lab doctor --json` may be, in bytes; one has about 10 KB."""

MOST_MACHINES = 1_000


class LabNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What one lab needs, as `lab measure` measured it."""

    lab: str
    title: str
    minutes: int
    memory: int
    """Bytes, with the margin for a lab in use, without the engine itself."""
    disk: int
    """Bytes of all its images, and of what its nodes and containers write."""
    start_s: float
    needs: tuple[str, ...]
    images: tuple[str, ...]


class Room(msgspec.Struct, frozen=True, kw_only=True):
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


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One machine: whether it can do these labs, and what to repair."""

    machine: str
    ready: bool
    memory: float | None
    disk_free: float | None
    stopped: tuple[str, ...]
    """Numbers of the labs that it cannot do."""
    repairs: tuple[str, ...]
    """What to repair, a sentence each."""


def plan(labs: Sequence[Lab], learners: int, link_mbit: float) -> Room:
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
    writes = max(LEAST_DISK + (NODES_DISK if "privileged" in lab.toml.needs else 0) for lab in labs)
    return Room(
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
    nodes = NODES_DISK if "privileged" in lab.toml.needs else 0
    return LabNeed(
        lab=lab.slug,
        title=lab.toml.title,
        minutes=lab.toml.minutes,
        memory=memory_needed(lab),
        disk=_measured_disk(lab) + nodes + LEAST_DISK,
        start_s=measured.start_s if measured else 0.0,
        needs=lab.toml.needs,
        images=tuple(image.short for image in Images(lab.folder.parents[1]).resolve(lab.all_images)),
    )


def _measured_disk(lab: Lab) -> int:
    return int(lab.toml.measured.disk_mb * MB) if lab.toml.measured else 0


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


def machines(folder: Path, room: Room) -> list[Verdict]:
    """Judge the machines whose `lab doctor --json` is in a folder, one file for each, named after the machine.

    Raises:
        MisuseError: the folder is not there, or has no such file.
    """
    if not folder.is_dir():
        raise MisuseError(f"There is no folder {folder}.", remedy="Name the folder with the machines' files.")
    files = sorted(folder.glob("*.json"))[:MOST_MACHINES]
    if not files:
        raise MisuseError(
            f"{folder} has no file that ends in .json.",
            remedy="On each machine: lab doctor --json > NAME-OF-THE-MACHINE.json",
        )
    return [_machine(file, room) for file in files]


def _machine(file: Path, room: Room) -> Verdict:
    name = plain(file.stem, 60)
    try:
        if file.stat().st_size > MOST_FILE:
            raise ValueError("it is too large")
        findings = msgspec.json.decode(file.read_bytes(), type=list[Finding])
        if not findings:
            raise ValueError("it is empty")
    except (OSError, ValueError, RecursionError) as error:
        why = plain(str(error), 100)
        return Verdict(
            machine=name,
            ready=False,
            memory=None,
            disk_free=None,
            stopped=tuple(need.lab[:2] for need in room.labs),
            repairs=(f"Its file cannot be read ({why}): run `lab doctor --json` there again.",),
        )
    amounts: dict[str, float] = {}
    for finding in findings:
        amounts |= finding.amounts
    memory, disk = amounts.get("memory"), amounts.get("disk_free")
    stopped: set[str] = set()
    repairs: list[str] = []
    _stop_for_problems(findings, room, stopped, repairs)
    _stop_for_size(room, memory, disk, stopped, repairs)
    return Verdict(
        machine=name,
        ready=not stopped,
        memory=memory,
        disk_free=disk,
        stopped=tuple(sorted(stopped)),
        repairs=tuple(repairs),
    )


def _stop_for_problems(
    findings: Sequence[Finding], room: Room, stopped: set[str], repairs: list[str]
) -> None:
    ours = {need.lab[:2] for need in room.labs}
    for finding in findings:
        # Memory is judged here against these labs; the doctor judges it against the largest of all.
        if finding.mark is not Mark.PROBLEM or (finding.id == "memory" and finding.amounts):
            continue
        hit = {each.strip() for each in finding.labs.split(",")} & ours if finding.labs else ours
        if hit:
            stopped |= hit
            repairs.append(plain(f"{finding.title}: {finding.found}. {finding.remedy}", 400))


def _stop_for_size(
    room: Room, memory: float | None, disk: float | None, stopped: set[str], repairs: list[str]
) -> None:
    small = [need for need in room.labs if memory is not None and need.memory + ROOM > memory]
    if small and memory is not None:
        stopped |= {need.lab[:2] for need in small}
        most = max(need.memory for need in small) + ROOM
        repairs.append(f"memory: {memory / GB:.1f} GB, and {most / GB:.1f} GB are needed.")
    if disk is not None and disk < room.disk:
        stopped |= {need.lab[:2] for need in room.labs}
        repairs.append(
            f"disk: {disk / GB:.1f} GB are free for the engine, and {room.disk / GB:.1f} GB are needed at most."
        )


def plan_lines(room: Room) -> list[str]:
    """Return the plan as lines: what each lab needs, and what the room needs."""
    from checker.classroom.tables import columns  # noqa: PLC0415 - tables know results, which a plan does not need

    rows = [("lab", "minutes", "memory", "disk", "start", "needs", "title")]
    rows += [
        (
            need.lab[:2],
            str(need.minutes),
            _size(need.memory) if need.memory else "unknown",
            _size(need.disk),
            f"{need.start_s:.0f} s",
            ", ".join(need.needs) or "-",
            need.title,
        )
        for need in room.labs
    ]
    helpers = f"{room.helpers} helper{'s' if room.helpers != 1 else ''}"
    shared, alone = _time(room.shared_minutes), _time(room.alone_minutes)
    lines = [
        *columns(rows),
        "",
        f"Each machine: {_size(room.memory)} of memory with the engine, {_size(room.disk)} of free disk at most.",
        f"The room: {room.minutes} minutes of work, {room.learners} learners, {helpers}.",
        f"Images: {_size(room.images)} at most, which one machine fetches in {shared} at {room.link_mbit:g} Mbit/s.",
        f"If each of {room.learners} machines fetches them: {_size(room.download)}, {alone}.",
    ]
    if room.unmeasured:
        lines.append(
            f"Lab {', '.join(room.unmeasured)} was never measured: its memory and disk are missing above."
        )
    lines += _fetching(room)
    return lines


def _fetching(room: Room) -> list[str]:
    images = list(dict.fromkeys(image for need in room.labs for image in need.images))
    lines = ["", "Fetch once, on a machine with a connection, and carry the file to the others:"]
    lines.append(f"  lab images build {' '.join(images)}")
    lines.append(f"  lab images save room.tar.gz {' '.join(images)}")
    if any("nomad" in need.needs for need in room.labs):
        lines.append("Nomad does not come with the course: see the page of lab 11.")
    return lines


def machine_lines(found: Sequence[Verdict]) -> list[str]:
    """Return the table of machines: those to repair first, and what to repair."""
    from checker.classroom.tables import columns  # noqa: PLC0415 - as above

    ordered = sorted(found, key=lambda each: (each.ready, each.machine))
    rows = [("machine", "memory", "disk free", "cannot do")]
    rows += [
        (
            each.machine,
            _size(each.memory) if each.memory else "unknown",
            _size(each.disk_free) if each.disk_free is not None else "unknown",
            ", ".join(each.stopped) or "-",
        )
        for each in ordered
    ]
    heading, *rest = columns(rows)
    lines = [heading]
    for line, each in zip(rest, ordered, strict=True):
        lines.append(line)
        lines += [f"    {repair}" for repair in each.repairs]
    ready = sum(each.ready for each in found)
    return [*lines, "", f"{ready} of {len(found)} machines are ready for these labs."]


def _size(count: float) -> str:
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / MB:.0f} MB"


def _time(minutes: float) -> str:
    return f"{minutes:.1f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
