"""Outages: when no request was answered, for how long, and when the service had recovered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.timeline.model import Timeline
    from checker.timeline.record import Request


@dataclass(frozen=True)
class Outage:
    """A time between two good answers in which every request failed."""

    begin: float
    """When the last good answer before it was requested; without one, when the first request failed."""
    end: float
    """When the first good answer after it was requested; without one, the end of the timeline."""
    seconds: float
    """How long it lasted, without the times that have no record."""
    lost: int
    """How many requests failed in it."""
    over: bool
    """Whether it has ended."""


def outages_of(timeline: Timeline) -> tuple[Outage, ...]:
    """Return every time between two good answers in which all requests failed, in order."""
    found = []
    last_good: float | None = None
    failed: list[Request] = []
    for request in timeline.requests:
        if not request.good:
            failed.append(request)
            continue
        if failed:
            found.append(_outage(timeline, last_good, failed, request.at))
            failed = []
        last_good = request.at
    if failed:
        found.append(_outage(timeline, last_good, failed, None))
    return tuple(found)


def _outage(
    timeline: Timeline, last_good: float | None, failed: list[Request], next_good: float | None
) -> Outage:
    begin = failed[0].at if last_good is None else last_good
    end = timeline.end if next_good is None else next_good
    blind = sum(max(0.0, min(gap.end, end) - max(gap.begin, begin)) for gap in timeline.gaps)
    return Outage(begin, end, max(0.0, end - begin - blind), len(failed), next_good is not None)


def recovery_of(after: Timeline, steady: float) -> float | None:
    """Return the seconds from the beginning of a timeline until the service had recovered; see `Timeline.recovery`."""
    trouble = False
    well: float | None = None
    for request in after.requests:
        if well is not None and request.at - well >= steady:
            break
        if not request.good:
            trouble, well = True, None
        elif well is None:
            well = request.at
    if not trouble:
        return 0.0 if after.good and after.end - after.begin >= steady else None
    if well is None or after.end - well < steady:
        return None
    return well - after.begin
