"""Whether this machine was so busy with other things that a request without an answer in time may be its fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.errors import EngineError
from checker.grading.pausing import pause
from checker.scene.ownership import owned_containers
from checker.timeline.pace import delayed

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.timeline.model import Timeline

BEFORE_SECONDS = 60.0
"""How long before something happened the machine must have been busy: what it did itself is no excuse."""

AROUND_SECONDS = 15.0
"""How much time before and after it is looked at for whether the machine was busy in it."""

DELAYED = 0.02
"""For which share of a time the users' sender is late on a busy machine. On two cores it was 0.002 to 0.019 in half a minute with
5 to 16 programs that ran or waited, and 0.02 to 0.5, in most cases 0.06, with 40 to 66."""

OWN_SHARE = 0.5
"""Which share of the processors a lab uses that is busy with its own work: on a machine with much else to do it gets less."""

LOOK_SECONDS = 1.0
"""For how long is measured what the lab uses."""


def too_busy(engine: Engine, lab: Lab, record: Timeline, begin: float, end: float) -> str:
    """Say how this machine was too busy, as a clause; empty if it was not, or if the lab's own containers keep it busy.

    Args:
        engine: where its containers run.
        lab: the lab.
        record: what its users recorded, from a minute before `begin` on.
        begin: when that began which may have suffered, in seconds since 1970.
        end: when it ended.
    """
    before = delayed(record, begin - BEFORE_SECONDS, begin)
    during = delayed(record, begin - AROUND_SECONDS, end + AROUND_SECONDS)
    if min(before, during) < DELAYED or _own_share(engine, lab) > OWN_SHARE:
        return ""
    return (
        f"the users' own program was too late with its requests for {before:.0%} of the minute before it, and for {during:.0%} of "
        "the time around it"
    )


def _own_share(engine: Engine, lab: Lab) -> float:
    """Return which share of all processors the lab's containers use now, from 0 to 1."""
    there = [item["Id"] for item in owned_containers(engine, lab) if item["State"] == "running"]
    first = {each: _used(engine, each) for each in there}
    pause(LOOK_SECONDS)
    then = {each: _used(engine, each) for each in there}
    pairs = ((first[each], then[each]) for each in there)
    # One that ended between the looks has no second number.
    return sum((b[0] - a[0]) / (b[1] - a[1]) for a, b in pairs if b[1] > a[1] > 0)


def _used(engine: Engine, container: str) -> tuple[float, float]:
    """Return how long a container, and the whole machine, have used processors until now."""
    try:
        stats: dict[str, Any] = engine.get(
            f"/containers/{container}/stats", stream=False, **{"one-shot": True}
        )
    except EngineError:
        return 0.0, 0.0  # it has ended
    cpu = stats.get("cpu_stats") or {}
    return float((cpu.get("cpu_usage") or {}).get("total_usage") or 0), float(
        cpu.get("system_cpu_usage") or 0
    )
