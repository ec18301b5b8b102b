"""Probes of what labs use: memory, processors, disk, and the kernel's limits on them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from checker.doctor.finding import Probe, Seen, fine, having, note, problem, unknown
from checker.engine.api import keeps_both, limits_nothing
from checker.engine.capacity import (
    GB,
    ROOM,
    available_memory,
    engine_disk,
    more_memory,
    shares_our_kernel,
)
from checker.engine.platform import System

if TYPE_CHECKING:
    from checker.doctor.machine import Machine

LEAST_MEMORY = 1.0 * GB
"""With less, there is not enough for the engine, a node with its own engine, and three services."""

GOOD_MEMORY = 2.0 * GB

LEAST_DISK = 1.0 * GB
"""The course's images are built on the engine's disk; their build cache alone needs this much."""

GOOD_DISK = 5.0 * GB

LEAST_CHECKOUT = 0.2 * GB
"""The Python environment and the built site."""

_LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "CPU", "PidsLimit": "processes"}
_SLOW_DRIVERS = {
    "vfs": "copies a whole image for each container: every lab is slow and takes gigabytes",
}
_OTHER_DRIVERS = {"btrfs", "zfs", "devicemapper", "aufs", "windowsfilter"}


def cgroups(machine: Machine) -> tuple[Seen, ...]:
    """Ask which limits the engine can set; lab 03 needs them."""
    info = machine.info
    version = str(info.get("CgroupVersion") or "1")
    driver = str(info.get("CgroupDriver") or "unknown")
    missing = [name for key, name in _LIMITS.items() if info.get(key) is False]
    if missing or driver == "none":
        what = ", ".join(missing) or "anything"
        labs = machine.labs_needing("limits", *(["privileged"] if limits_nothing(info) else []))
        found = f"v{version} ({driver}); it cannot limit {what}" + (
            f"; needed for lab {labs}" if labs else ""
        )
        return (problem(found, _cgroup_remedy(machine), labs),)
    return (fine(f"v{version} ({driver}); limits on {', '.join(_LIMITS.values())}"),)


def _cgroup_remedy(machine: Machine) -> str:
    options = " ".join(map(str, machine.info.get("SecurityOptions") or []))
    if "name=rootless" in options or machine.info.get("Rootless"):
        return "Let systemd delegate cpu, cpuset, io, memory and pids to your user, or use an engine that runs as root."
    return "Boot with `cgroup_enable=memory swapaccount=1` (Raspberry Pi: in cmdline.txt), or update WSL: wsl --update"


def memory(machine: Machine) -> tuple[Seen, ...]:
    """Compare the engine's memory with what the largest lab was measured to need."""
    total = float(machine.info.get("MemTotal") or 0)
    if not total:
        return (unknown("the engine does not say"),)
    measured = [(lab.toml.measured.memory_mb * 1e6, lab.number) for lab in machine.labs if lab.toml.measured]
    most, number = max(measured, default=(0.0, ""))
    said = f"{total / GB:.1f} GB for the engine"
    if number:
        said += f"; the largest lab needs {most / 1e6:.0f} MB (lab {number})"
        most += ROOM
    free = _available(machine)
    return (having(_judge_memory(machine, total, free, most, said), memory=total, memory_free=free),)


def _judge_memory(machine: Machine, total: float, free: int | None, most: float, said: str) -> Seen:
    if total < max(LEAST_MEMORY, most):
        return problem(said, more_memory(machine.platform.system, max(GOOD_MEMORY, most)))
    if free is not None and free < max(LEAST_MEMORY / 2, most):
        return note(f"{said}; {free / GB:.1f} GB of it are free now", "Close programs that you do not need.")
    if total < GOOD_MEMORY:
        return note(said, more_memory(machine.platform.system, max(GOOD_MEMORY, most)))
    return fine(said)


def _available(machine: Machine) -> int | None:
    """Return the free memory of this machine in bytes, if the engine runs on it."""
    if not shares_our_kernel(machine.platform, machine.endpoint, machine.info):
        return None
    return available_memory(machine.platform)


def processors(machine: Machine) -> tuple[Seen, ...]:
    """Count the engine's processors."""
    count = int(machine.info.get("NCPU") or 0)
    if not count:
        return (unknown("the engine does not say"),)
    if count == 1:
        return (
            note(
                "one; labs start more slowly, and measurements change from run to run",
                "Give the engine two if you can.",
            ),
        )
    return (having(fine(str(count)), processors=count),)


def checkout_disk(machine: Machine) -> tuple[Seen, ...]:
    """Look at the free disk space where the course and the learner's work are."""
    seen = []
    for folder in dict.fromkeys((machine.places.home, machine.places.work, machine.places.state)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        seen.append((shutil.disk_usage(there).free, there))
    free, where = min(seen)
    said = f"{free / GB:.1f} GB free at {where}"
    if free < LEAST_CHECKOUT:
        return (
            problem(
                said,
                "Free disk space there, or set DRYDOCK_STATE and DRYDOCK_WORK to folders on another disk.",
            ),
        )
    return (fine(said),)


def judge_engine_disk(machine: Machine, free: float, total: float) -> Seen:
    """Judge the disk space where the engine keeps images and containers, in bytes."""
    images = sum(lab.toml.measured.disk_mb * 1e6 for lab in machine.labs if lab.toml.measured)
    said = f"{free / GB:.1f} of {total / GB:.1f} GB free where the engine keeps its data"
    if keeps_both(machine.info):
        images *= 2
    if images:
        said += f"; the images of all labs need {images / GB:.1f} GB at most"
    remedy = "Free disk space: `lab images prune` removes old images of the course, `docker system df` shows the rest."
    if machine.platform.system is not System.LINUX:
        remedy += " Or make the engine's disk larger in its settings."
    if free < LEAST_DISK:
        return having(problem(said, remedy), disk_free=free)
    return having(note(said, remedy) if free < GOOD_DISK else fine(said), disk_free=free)


def engine_disk_from_here(machine: Machine) -> Seen:
    """Look at the engine's disk from outside, if the engine runs on this machine."""
    found = None
    if shares_our_kernel(machine.platform, machine.endpoint, machine.info):
        found = engine_disk(machine.platform, machine.info)
    if found is None:
        return unknown("known only after images are built (lab images build)")
    return judge_engine_disk(machine, found[1], found[0])


def storage(machine: Machine) -> tuple[Seen, ...]:
    """Ask how the engine stores layers."""
    driver = str(machine.info.get("Driver") or "unknown")
    if driver in _SLOW_DRIVERS:
        return (
            note(
                f"{driver}, which {_SLOW_DRIVERS[driver]}",
                "Put the engine's data on ext4 or xfs, so that it can use overlay2.",
            ),
        )
    if driver in _OTHER_DRIVERS:
        return (
            note(
                f"{driver}; labs that run an engine in a container may be slow",
                "Put the engine's data on ext4 or xfs.",
            ),
        )
    return (fine(driver),)


PROBES = (
    Probe("machine", (("cgroups", "cgroups"),), cgroups),
    Probe("machine", (("memory", "memory"),), memory),
    Probe("machine", (("processors", "processors"),), processors),
    Probe("machine", (("storage", "storage driver"),), storage),
    Probe("machine", (("checkout-disk", "disk, course"),), checkout_disk, needs_engine=False),
)
