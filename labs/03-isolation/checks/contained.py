"""Whether the neighbour is contained: a limit of memory at which it was killed, and a limit of CPU."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import last_lines

from .limits import NO_LIMIT, read_cpu, read_memory
from .rounds import ROOM, await_another_kill, await_room, gave_back, held_at_last_kill, says
from .three import CRUNCHER, WHY, mb, present

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Outside

    from .limits import Memory

MEMORY_MOST = 256 << 20
"""What the task allows the neighbour."""

SWAP_MOST = 2 * MEMORY_MOST
"""Without a setting for swap, an engine allows as much of it as of memory."""

CORES_MOST = 1.0

CORES_LEAST = 0.1
"""With less, the neighbour may not reach 256 MB in a round; with a tenth of a core it took 8 s."""


# -- memory ----------------------------------------------------------------------------------------------------


def require_stopped(lab: Lab, outside: Outside, container: Container) -> None:
    """Fail unless the neighbour has a memory limit that the task allows, and was killed at it."""
    given = container.host_config
    ways = f"OomKillDisable: {str(bool(given.get('OomKillDisable'))).lower()}, MemorySwap: {given.get('MemorySwap')}"
    WHY.require(not given.get("OomKillDisable"), "way-round", seen=ways)
    said = says(lab, outside)
    # It counts a kill when it is over.
    waited = 0 < int(given.get("Memory") or 0) <= MEMORY_MOST and not said.get("killed")
    if waited:
        await_another_kill(lab, outside)
        said = says(lab, outside)
    await_room(lab, container, outside, said)
    memory = read_memory(container)
    if memory.limit >= NO_LIMIT // 2:
        _fail_unlimited(lab, outside)
    _require_allowed(memory, int(said.get("ceiling_mb") or 0) << 20)
    WHY.require(memory.swap < NO_LIMIT // 2, "swap-without-end", seen=ways)
    WHY.require(memory.swap <= SWAP_MOST, "much-swap", swap=mb(memory.swap), most=mb(SWAP_MOST), seen=ways)
    met = bool(memory.kills or container.reload().oom_killed)
    held = None if waited else held_at_last_kill(container)
    if held is not None and not memory.limit - ROOM <= held <= memory.limit + memory.swap:
        # It was killed at another limit, which somebody has changed since.
        await_another_kill(lab, outside)
        met = int(says(lab, outside).get("killed") or 0) > int(said.get("killed") or 0)
    if met:
        _require_no_other(lab, container)
        return
    evidence = last_lines(container, 4)
    gave = gave_back(container)
    # More than both together is from a round before it had this limit.
    WHY.require(
        not memory.limit < gave <= memory.limit + memory.swap,
        "went-on-in-swap",
        limit=mb(memory.limit),
        swap=mb(memory.swap),
        seen=f"it gave {mb(gave)} back at the end of its round; {memory.told}",
        evidence=evidence,
    )
    _require_to_get_there(container, memory)
    WHY.fail("limit-not-met", limit=mb(memory.limit), seen=memory.told, evidence=evidence)


def _require_allowed(memory: Memory, ceiling: int) -> None:
    """Fail if its limit is one that it never reaches, or more than the task allows.

    Args:
        memory: what the kernel enforces on it.
        ceiling: how many bytes it takes at most by itself; 0 if it does not say.
    """
    limit, most = mb(memory.limit), mb(MEMORY_MOST)
    WHY.require(
        memory.limit < ceiling or not ceiling,
        "limit-never-reached",
        limit=limit,
        ceiling=mb(ceiling),
        most=most,
        seen=f"limit {limit}",
    )
    WHY.require(memory.limit <= MEMORY_MOST, "limit-too-high", limit=limit, most=most, seen=f"limit {limit}")


def _require_no_other(lab: Lab, container: Container) -> None:
    """Fail if a neighbour without a limit is left from an earlier try, under another name."""
    every = {item.id: item for item in (*lab.containers(), *lab.unowned(CRUNCHER.image))}.values()
    others = [item for item in every if item.image_id == container.image_id and item.running]
    free = [item.name for item in others if item.id != container.id and not item.host_config.get("Memory")]
    seen = f"running: {', '.join(item.name for item in others)}"
    WHY.require(not free, "second-neighbour", free=" and ".join(free), image=CRUNCHER.image, seen=seen)


def _require_to_get_there(container: Container, memory: Memory) -> None:
    """Fail if another of its limits keeps the neighbour from ever reaching the memory limit."""
    log, limit = last_lines(container, 20), mb(memory.limit)
    cores = read_cpu(container).cores
    facts = {"seen": memory.told, "evidence": "\n".join(log.splitlines()[-4:])}
    WHY.require(not re.search("worker failed|Error", log), "another-limit-first", limit=limit, **facts)
    enough = cores is None or cores >= CORES_LEAST
    WHY.require(enough, "too-slow-for-its-limit", limit=limit, cores=cores or 0, **facts)


def _all(lab: Lab) -> dict[str, Container]:
    """Return every container that can have been given a limit in place of the neighbour, by name, the task's own first."""
    box = lab.container("tariff-box")
    asked = {asked.name: item for asked, item in present(lab).items()}
    known = {item.id for item in asked.values()}
    every = (*lab.containers(), *lab.unowned(CRUNCHER.image), *([box] if box else ()))
    # One that has ended holds nothing back.
    return asked | {item.name: item for item in every if item.running and item.id not in known}


def _fail_unlimited(lab: Lab, outside: Outside) -> NoReturn:
    """End the check, and say what the neighbour has in place of a memory limit."""
    most = mb(MEMORY_MOST)
    limits = {name: int(item.host_config.get("Memory") or 0) for name, item in _all(lab).items()}
    told = ", ".join(f"{name} {mb(limit) if limit else 'no limit'}" for name, limit in limits.items())
    if held := [name for name, limit in limits.items() if limit and name != CRUNCHER.name]:
        WHY.fail("limit-on-another", held=held[0], most=most, seen=told)
    given = present(lab)[CRUNCHER].host_config
    each = sorted(
        {str(found.get("Name")) for found in given.get("Ulimits") or ()} & {"data", "rss", "memlock", "stack"}
    )
    WHY.require(not each, "limit-for-each-process", each=" ".join(each), most=most, seen=told)
    said = says(lab, outside)
    holds = f"cruncher holds {said.get('holds_mb')} MB at this moment, {said.get('state')}"
    reserved = int(given.get("MemoryReservation") or 0)
    WHY.require(
        not reserved,
        "reservation",
        reserved=mb(reserved),
        most=most,
        seen=f"{told}; MemoryReservation: {mb(reserved)}",
        evidence=holds,
    )
    WHY.fail("no-memory-limit", ceiling=said.get("ceiling_mb"), most=most, seen=told, evidence=holds)


# -- CPU -------------------------------------------------------------------------------------------------------


def require_bounded(lab: Lab, container: Container) -> None:
    """Fail unless the neighbour may fill one core at most; a weight or a nice value is no bound."""
    given = container.host_config
    WHY.require(not given.get("OomKillDisable"), "frozen", seen="OomKillDisable: true")
    cpu = read_cpu(container)
    if cpu.cores is not None:
        WHY.require(cpu.cores <= CORES_MOST, "too-many-cores", cores=cpu.cores, seen=f"{cpu.cores:g} cores")
        return
    bounded = [name for name, item in _all(lab).items() if _has_cpu_limit(item)]
    seen = f"limited: {', '.join(bounded)}; cruncher: no limit"
    WHY.require(not bounded, "cpu-limit-on-another", bounded=" and ".join(bounded), seen=seen)
    shares, nobody = given.get("CpuShares"), "no quota, every core"
    WHY.require(not shares, "shares", shares=shares, seen=f"CpuShares: {shares}, {nobody}")
    WHY.require(cpu.nice <= 0, "nice", nice=cpu.nice, seen=f"nice {cpu.nice}, {nobody}")
    WHY.fail("no-cpu-limit", seen=nobody)


def _has_cpu_limit(container: Container) -> bool:
    given = container.host_config
    return any(given.get(field) for field in ("NanoCpus", "CpuQuota", "CpusetCpus"))
