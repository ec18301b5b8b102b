"""How fast the two versions answered while the neighbour was being killed, and whether one of them was harmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import last_lines, moment, wait_until

from .limits import NO_LIMIT
from .rounds import await_another_kill, last_killed
from .three import WHY, mb, of_each

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Outside, Reply

    from .three import Asked

MEDIAN_MS = 100.0
SLOWEST_MS = 2000.0
"""How long a quote may take while the neighbour is being killed; 4 and 20 ms measured on two busy cores."""

AROUND_SECONDS = 2.0


def around_last_kill(lab: Lab, outside: Outside) -> tuple[float, dict[Asked, dict[str, float]]]:
    """Return when the neighbour was killed last, and the pace of both versions around that moment."""
    killed = last_killed(lab, outside)
    records = _paces(outside, killed)
    if not all(record.get("quotes") for record in records.values()):
        # The last kill is older than one of the two: watch another one.
        await_another_kill(lab, outside)
        killed = last_killed(lab, outside)
        wait_until(
            lambda: all(record.get("quotes") for record in _paces(outside, killed).values()), 5.0, every=0.25
        )
        records = _paces(outside, killed)
    return killed, records


def _paces(outside: Outside, moment: float) -> dict[Asked, dict[str, float]]:
    return of_each(lambda asked: _pace(outside, asked, moment))


def _pace(outside: Outside, asked: Asked, moment: float) -> dict[str, float]:
    if not moment:
        return {}
    window = f"from={moment - AROUND_SECONDS:.3f}&to={moment + AROUND_SECONDS:.3f}"
    found: dict[str, float] = outside.get(f"{asked.url}/pace?{window}", timeout=5.0).json()
    return found


def require_unharmed(asked: Asked, container: Container, killed: float) -> None:
    """Fail if it was restarted in the seconds around the kill; what happened before is no harm that this neighbour did."""
    if not container.restarts or moment(container.started_at) < killed - AROUND_SECONDS:
        return
    seen = f"restarted {container.restarts} times, OOMKilled: {str(container.oom_killed).lower()}"
    WHY.fail("harmed", who=asked.name, seen=seen, evidence=last_lines(container, 3))


def is_good(record: dict[str, float], now: Reply) -> bool:
    """Whether a version answered in good time around the kill, and does now."""
    median, slowest = _figures(record)
    in_time = median <= MEDIAN_MS and slowest <= SLOWEST_MS
    return bool(record.get("quotes")) and in_time and now.ok and now.ms <= SLOWEST_MS


def _figures(record: dict[str, float]) -> tuple[float, float]:
    return float(record.get("median_ms", SLOWEST_MS)), float(record.get("slowest_ms", SLOWEST_MS))


def fail_slow(asked: Asked, container: Container, record: dict[str, float], now: Reply) -> None:
    """End the check: one of the two was slow, by its own limits or by what others take."""
    median, slowest = _figures(record)
    given = container.host_config
    narrow = any(given.get(field) for field in ("Memory", "NanoCpus", "CpuQuota"))
    weak = any(given.get(field) for field in ("CpusetCpus", "CpuShares"))
    WHY.fail(
        "slow-within-its-own-limit" if narrow else "slow-on-shared-cores" if weak else "slow-by-others",
        who=asked.name,
        median=MEDIAN_MS,
        slowest=SLOWEST_MS,
        url=asked.url,
        seen=f"{median:g} ms and {slowest:g} ms around the last kill; now {now.ms:g} ms"
        + (f" ({now.error})" if now.error else ""),
        evidence=f"limits of {asked.name}: memory {mb(given.get('Memory') or NO_LIMIT)}, CPU {_told_cpu(container)}",
    )


def _told_cpu(container: Container) -> str:
    given = container.host_config
    told = []
    if given.get("NanoCpus"):
        told.append(f"{given['NanoCpus'] / 1e9:g} cores")
    if (given.get("CpuQuota") or 0) > 0:
        told.append(f"{given['CpuQuota'] / (given.get('CpuPeriod') or 100_000):g} cores")
    if given.get("CpusetCpus"):
        told.append(f"only core {given['CpusetCpus']}")
    if given.get("CpuShares"):
        told.append(f"weight {given['CpuShares']} of 1024")
    return ", ".join(told) or "no limit"
