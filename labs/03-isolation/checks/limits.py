"""What the kernel enforces on a container, read inside it: limits, and how often they were felt."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.grading.author import Container

NO_LIMIT = 1 << 62
"""More bytes than any machine has; the kernel's own words for none are larger still, or `max`."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A container's memory: its limits in bytes, and what happened at them since it started."""

    limit: int
    swap: int
    """How much more it may put into swap; 0 where the kernel keeps no such account."""
    hits: int
    """How often it asked for more than its limit."""
    kills: int
    """How often the kernel ended one of its processes for want of memory."""

    @property
    def told(self) -> str:
        """Both counters, as evidence."""
        return f"limit reached {self.hits} times, processes killed: {self.kills}"


@dataclass(frozen=True, slots=True)
class Cpu:
    """A container's CPU: how many cores it may fill, and how willingly it lets others go first."""

    cores: float | None
    """None when nothing bounds it."""
    nice: int


def read_memory(container: Container) -> Memory:
    """Read the memory controller, version 2 or 1."""
    found = _read(
        container,
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.swap.max", "/sys/fs/cgroup/memory.events",
        *(f"/sys/fs/cgroup/memory/memory.{name}" for name in
          ("limit_in_bytes", "memsw.limit_in_bytes", "failcnt", "oom_control")),
    )  # fmt: skip
    if "memory.max" in found:
        events = _pairs(found.get("memory.events", ""))
        return Memory(
            limit=_bytes(found["memory.max"]),
            swap=_bytes(found.get("memory.swap.max", "0")),
            hits=events.get("max", 0),
            kills=events.get("oom_kill", 0),
        )
    if "memory.limit_in_bytes" not in found:
        return _memory_asked_for(container)
    limit = _bytes(found["memory.limit_in_bytes"])
    with_swap = found.get("memory.memsw.limit_in_bytes")
    return Memory(
        limit=limit,
        swap=_bytes(with_swap) - limit if with_swap else 0,
        hits=int(found.get("memory.failcnt", 0)),
        kills=_pairs(found.get("memory.oom_control", "")).get("oom_kill", 0),
    )


def _memory_asked_for(container: Container) -> Memory:
    """Say what the engine was asked for, where a container does not see its own control group."""
    given = container.host_config
    limit, with_swap = int(given.get("Memory") or 0), int(given.get("MemorySwap") or 0)
    kills = int(container.oom_killed)
    return Memory(
        limit=limit or NO_LIMIT,
        swap=NO_LIMIT if with_swap < 0 else max(0, with_swap - limit),
        hits=kills,
        kills=kills,
    )


def read_cpu(container: Container) -> Cpu:
    """Read the CPU controller, version 2 or 1, the cores it may run on, and how nice its main process is."""
    found = _read(
        container,
        "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
        "/proc/1/stat", "/proc/1/status",
    )  # fmt: skip
    if "cpu.max" in found:
        quota, _, period = found["cpu.max"].partition(" ")
    elif "cpu.cfs_quota_us" in found:
        quota, period = found["cpu.cfs_quota_us"], found.get("cpu.cfs_period_us", "")
    else:
        quota, period = _quota_asked_for(container)
    bounds = [int(quota) / int(period)] if quota.isdecimal() and period.isdecimal() else []
    if container.host_config.get("CpusetCpus"):
        allowed = re.search(r"^Cpus_allowed_list:\s*(\S+)", found.get("status", ""), re.MULTILINE)
        bounds += [float(_count(allowed[1]))] if allowed else []
    stat = found.get("stat", "").rpartition(") ")[2].split()
    return Cpu(cores=min(bounds) if bounds else None, nice=int(stat[16]) if len(stat) > 16 else 0)


def _quota_asked_for(container: Container) -> tuple[str, str]:
    given = container.host_config
    if cores := int(given.get("NanoCpus") or 0):
        return str(cores), str(10**9)
    return str(given.get("CpuQuota") or "max"), str(given.get("CpuPeriod") or 100_000)


def _read(container: Container, *paths: str) -> dict[str, str]:
    """Return the contents of those files that there are, by name; one command, for the others cost nothing."""
    found: dict[str, list[str]] = {}
    text = ""
    # Where a limit leaves no room for one more process, the engine's own record has to do.
    with suppress(LabError):
        text = container.exec("grep -H '' " + " ".join(paths)).stdout
    for line in text.splitlines():
        path, _, text = line.partition(":")
        found.setdefault(path.rpartition("/")[2], []).append(text)
    return {name: "\n".join(lines) for name, lines in found.items()}


def _bytes(text: str) -> int:
    return min(int(text), NO_LIMIT) if text.isdecimal() else NO_LIMIT


def _pairs(text: str) -> dict[str, int]:
    """Read lines of a word and a number."""
    words = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdecimal()}


def _count(cores: str) -> int:
    """Count a list of cores such as `0,2-3`."""
    ranges = (part.partition("-") for part in cores.split(","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in ranges)
