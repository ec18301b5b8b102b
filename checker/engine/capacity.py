"""How much memory and disk the engine's machine has left, as far as `lab` can find out without running anything on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.engine.api import NotFoundError
from checker.engine.platform import Platform, System

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from checker.engine.api import Engine
    from checker.engine.endpoint import Endpoint

MB = 10**6
GB = 10**9

ROOM = GB // 2
"""What the engine and its system need in addition to containers, in bytes."""


@dataclass(frozen=True)
class Capacity:
    """Memory and disk where containers run, in bytes; None for what cannot be known from here."""

    memory: int | None
    memory_free: int | None
    disk: int | None = None
    disk_free: int | None = None


def capacity(engine: Engine, running: Iterable[str], platform: Platform | None = None) -> Capacity:
    """Return the capacity of the engine's machine.

    If the engine runs on this machine, the system says what is free. An engine in a virtual machine only says how
    much memory it has in all: what its containers and the engine itself use is subtracted, and its disk is unknown.

    Args:
        engine: the engine.
        running: the ids of the running containers.
        platform: this machine.
    """
    platform = platform or Platform()
    info = engine.get("/info")
    total = int(info.get("MemTotal") or 0) or None
    if shares_our_kernel(platform, engine.endpoint, info):
        disk, disk_free = engine_disk(platform, info) or (None, None)
        return Capacity(total, available_memory(platform), disk, disk_free)
    if total is None:
        return Capacity(None, None)
    return Capacity(total, max(0, total - ROOM - sum(container_memory(engine, each) for each in running)))


def shares_our_kernel(platform: Platform, endpoint: Endpoint | None, info: Mapping[str, Any]) -> bool:
    """Whether the engine runs on this machine itself, not in a virtual machine and not on another machine."""
    if platform.system is not System.LINUX or endpoint is None:
        return False
    kernel = (platform.read(Path("/proc/sys/kernel/osrelease")) or "").strip()
    return endpoint.is_local and kernel == str(info.get("KernelVersion") or "")


def available_memory(platform: Platform) -> int | None:
    """Return what this machine could give to new programs without swapping, in bytes (proc(5), MemAvailable)."""
    for line in (platform.read(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def engine_disk(platform: Platform, info: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return size and free bytes of the disk with the engine's data, for an engine on this machine."""
    return platform.disk(Path(str(info.get("DockerRootDir") or "/var/lib/docker")))


def container_memory(engine: Engine, container: str) -> int:
    """Return the working-set memory of a container in bytes; 0 when it is gone."""
    try:
        stats = engine.get(f"/containers/{container}/stats", stream=False, **{"one-shot": True})
    except NotFoundError:
        return 0
    return working_set(stats.get("memory_stats") or {})


def working_set(memory: Mapping[str, Any]) -> int:
    """Return the memory that a container needs, in bytes.

    As `docker stats` counts (docker/cli, calculateMemUsageUnixNoCache): usage without the pages of files that
    were not used for a while; cgroup v1 names them total_inactive_file, v2 inactive_file.
    """
    usage = int(memory.get("usage") or 0)
    details = memory.get("stats") or {}
    inactive = int(details.get("total_inactive_file", details.get("inactive_file", 0)))
    return usage - inactive if inactive < usage else usage


def more_memory(system: System, wanted: float) -> str:
    """Say how to give the engine this much memory, in bytes."""
    gb = max(2, -(-int(wanted) // GB))
    if system is System.MACOS:
        return (
            f"Give the engine {gb} GB: Docker Desktop, Settings, Resources; "
            f"or `colima stop && colima start --memory {gb}`."
        )
    if system is System.WINDOWS:
        return (
            f"Give WSL more: `memory={gb}GB` under `[wsl2]` in %UserProfile%\\.wslconfig, "
            "then `wsl --shutdown`."
        )
    return f"End other containers and programs, or use a machine with {gb} GB or more."
