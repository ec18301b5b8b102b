"""Whether a lab fits beside what runs: its measured memory and disk against what is free on the engine's machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.engine.api import LABEL, keeps_both
from checker.engine.capacity import GB, MB, ROOM, Capacity, capacity, more_memory
from checker.engine.platform import Platform
from checker.errors import LabError
from checker.images.catalogue import Images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from checker.course.catalogue import Lab
    from checker.course.places import Places
    from checker.engine.api import Engine

MARGIN = 1.2
"""A lab in use takes more than an idle one, which was measured: new versions run beside old ones."""

BUILD_SHARE = 2.0
"""An image that is built leaves about its own size in the build cache."""

NODES_DISK = 600 * MB
"""Nodes keep their own images on volumes, and refuse work when their disk is nearly full."""

LEAST_DISK = 200 * MB
"""Space for logs, databases and the files that containers write."""

UNKNOWN_IMAGE = 300 * MB
"""The assumed size of an image that was never measured."""


def require_room(
    engine: Engine,
    lab: Lab,
    places: Places,
    find: Callable[[str], Lab],
    platform: Platform | None = None,
) -> None:
    """Refuse to start a lab that does not fit; a lab that already runs is only repaired, so it is never refused.

    This takes a few requests to the engine, about 10 ms in total.

    Args:
        engine: the engine.
        lab: the lab that should start.
        places: the course's folders.
        find: returns a lab by its number.
        platform: the interface to this machine.

    Raises:
        LabError: the lab does not fit; the message says how much is missing, and what to do.
    """
    platform = platform or Platform()
    running = [item for item in engine.list_all("containers") if item.get("State") == "running"]
    started = {str((item.get("Labels") or {}).get(LABEL, "")) for item in running} - {""}
    freed = 0
    if lab.number in started:
        # Other ways of this lab may replace those that run, and then free their memory.
        standing = find(lab.number) if lab.chosen else lab
        if set(lab.chosen) <= set(standing.chosen):
            return
        freed = memory_needed(standing)
    there = capacity(engine, [str(item["Id"]) for item in running], platform)
    others = _others(started - {lab.number}, find)
    problem = memory_short(lab, others, there, platform, freed) or disk_short(
        lab, disk_needed(engine, lab, places), there
    )
    if problem is not None:
        raise problem


def _others(numbers: Iterable[str], find: Callable[[str], Lab]) -> list[Lab]:
    found = []
    for number in sorted(numbers):
        try:
            found.append(find(number))
        except LabError:
            continue  # another course's lab, or one whose lab.toml is broken: its size is not known
    return found


def memory_needed(lab: Lab) -> int:
    """Return the bytes of memory that a lab needs, with its chosen ways; 0 when it was never measured."""
    measured = lab.toml.measured
    if measured is None:
        return 0
    ways, most = measured.ways, measured.memory_mb
    if lab.chosen and {*lab.chosen, *lab.toml.usual} <= ways.keys():
        # The lab was measured with its solution and its usual ways; each way was measured alone and without a
        # solution. What ways share counts for each of them: the result is a little too large rather than too small.
        solved = max(0.0, most - sum(ways[name] for name in lab.toml.usual))
        most = sum(ways[name] for name in lab.chosen) + solved
    return int(most * MB * MARGIN)


def memory_short(
    lab: Lab, others: list[Lab], there: Capacity, platform: Platform, freed: int = 0
) -> LabError | None:
    """Return why a lab's memory does not fit beside the labs that are started, None when it does.

    Args:
        lab: the lab.
        others: the labs that run beside it.
        there: the memory and disk of the engine's machine.
        platform: this machine.
        freed: the bytes that become free when the lab starts, because it replaces what it runs now.
    """
    need = memory_needed(lab)
    together = need + sum(memory_needed(other) for other in others)
    total, free = there.memory, there.memory_free
    if not need or total is None:
        return None
    beside = ", ".join(
        f"lab {other.number} ({_size(memory_needed(other))})" for other in others if memory_needed(other)
    )
    stop = " && ".join(f"lab stop {int(other.number)}" for other in others if memory_needed(other))
    if together + ROOM > total and beside:
        return _refusal(
            f"Lab {lab.number} needs {_size(need)} of memory and does not fit beside {beside}: "
            f"{_size(together)} together, and {_size(ROOM)} for the engine, of {_size(total)}.",
            f"Stop what you do not use: {stop}",
            lab,
        )
    if need + ROOM > total:
        return _refusal(
            f"Lab {lab.number} needs {_size(need)} of memory, and {_size(ROOM)} for the engine; "
            f"the engine's machine has {_size(total)}.",
            more_memory(platform.system, need + ROOM),
            lab,
        )
    if free is not None and need > free + freed:
        return _refusal(
            f"Lab {lab.number} needs {_size(need)} of memory; "
            f"{_size(free)} of the {_size(total)} of the engine's machine are free"
            + (f", and {beside} {'is' if len(others) == 1 else 'are'} started." if beside else "."),
            f"Stop what you do not use: {stop}"
            if stop
            else "Stop containers and programs that you do not need.",
            lab,
        )
    return None


def disk_needed(engine: Engine, lab: Lab, places: Places) -> int:
    """Return the bytes that a lab needs on the engine's disk, for missing images and for its nodes."""
    need = LEAST_DISK + (NODES_DISK if "privileged" in lab.needs else 0)
    if not lab.images:
        return need
    sizes = lab.toml.measured.images if lab.toml.measured else {}
    images = Images(places.root).resolve(lab.images)
    missing = [each.reference for each in images if engine.image(each.reference) is None]
    if not missing:
        return need
    share = BUILD_SHARE + (1 if keeps_both(engine.get("/info")) else 0)
    return need + sum(int(_image_size(sizes.get(reference, "")) * share) for reference in missing)


def _image_size(measured: str) -> int:
    """Read `0d45bb4a2920, 102 MB`, as `lab measure` writes it."""
    words = measured.rpartition(", ")[2].split()
    return int(words[0]) * MB if len(words) == 2 and words[0].isdecimal() else UNKNOWN_IMAGE


def disk_short(lab: Lab, need: int, there: Capacity) -> LabError | None:
    """Return why a lab does not fit on the engine's disk, None when it fits or when that cannot be known."""
    if there.disk_free is None or need <= there.disk_free:
        return None
    return _refusal(
        f"Lab {lab.number} needs {_size(need)} on the engine's disk, and {_size(there.disk_free)}"
        + (f" of {_size(there.disk)}" if there.disk else "")
        + " are free.",
        "Free some space: `lab images prune` removes the course's old images, `docker system df` shows the rest.",
        lab,
    )


def _refusal(what: str, remedy: str, lab: Lab) -> LabError:
    stop = "" if remedy.endswith(".") else "."
    return LabError(what, remedy=f"{remedy}{stop} Or start it anyway: lab start {int(lab.number)} --force")


def _size(count: float) -> str:
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / MB:.0f} MB"
