"""The versions that answered: when each did, and the moves from one to another."""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.timeline.model import Timeline
    from checker.timeline.outages import Outage
    from checker.timeline.record import Request

APART_SECONDS = 3.0
"""How long a version must be silent, while others answer, before it counts as gone.

One of five copies gets every fifth of 25 requests a second, so that three seconds of silence by chance do not
happen; a turn back to the old version within that time is one move that was not carried through.
"""

MARGIN_SECONDS = 2.0
"""How much before and after a rollout belongs to it: a request is given up after as long."""


@dataclass(frozen=True)
class Band:
    """A stretch in which a version answered without being away for longer than a few seconds."""

    version: str
    begin: float
    """Its first answer."""
    end: float
    """Its last answer."""
    answers: int


@dataclass(frozen=True)
class Rollout:
    """A move from one version to another, as the requests saw it."""

    before: str
    after: str
    first: float
    """The first answer of the new version."""
    last: float
    """The last answer of the old version, as far as the timeline goes."""
    completed: bool
    """Whether the old version stopped answering, and the new one goes on."""
    withdrawn: bool
    """Whether the new version went away again while the old one went on."""
    requests: tuple[Request, ...]
    """Every request of the move, from a little before it to a little after."""
    outage: Outage | None
    """The longest moment in it with neither version answering."""
    begin: float
    """When it began to show: the new version's first answer, or the old one's last if that came before."""
    end: float
    """When nothing more changed: the last answer of the version that went away."""

    @property
    def seconds(self) -> float:
        """How long it took, from the one to the other."""
        return self.end - self.begin

    @property
    def under_way(self) -> bool:
        """Whether it may still go either way: also for the few seconds in which the last answer is too fresh to tell."""
        return not self.completed and not self.withdrawn

    @property
    def failures(self) -> tuple[Request, ...]:
        """The requests that failed in it."""
        return tuple(request for request in self.requests if not request.good)


def bands_of(timeline: Timeline) -> tuple[Band, ...]:
    """Return when each version answered, in the order of their beginnings."""
    times = [request.at for request in timeline.good]
    growing: dict[str, tuple[float, float, int]] = {}
    found: list[Band] = []
    for request in timeline.good:
        version, at = request.version, request.at
        if not version:
            continue
        begin, end, answers = growing.get(version, (at, at, 0))
        if at - end > APART_SECONDS and _was_away(times, end, at):
            found.append(Band(version, begin, end, answers))
            begin, answers = at, 0
        growing[version] = begin, at, answers + 1
    found += (Band(version, *rest) for version, rest in growing.items())
    return tuple(sorted(found, key=lambda band: band.begin))


def _was_away(times: Sequence[float], last: float, until: float) -> bool:
    """Whether others answered for long enough between a version's last answer and a moment.

    Args:
        times: when all good answers were asked for.
        last: the version's last one.
        until: the moment.
    """
    spoken = 0.0
    low, high = bisect.bisect_left(times, last), bisect.bisect_right(times, until)
    for one, next_one in itertools.pairwise(times[low:high]):
        spoken += min(next_one - one, 1.0)
        if spoken > APART_SECONDS:
            return True
    return False


def rollouts_of(timeline: Timeline) -> tuple[Rollout, ...]:
    """Return the moves from one version to another, in order; also those not carried through."""
    times = [request.at for request in timeline.good]
    found = []
    for index, band in enumerate(timeline.bands[1:], 1):
        older = [each for each in timeline.bands[:index] if each.version != band.version]
        if older:
            # The one it replaces is the one that was there last.
            before = max(older, key=lambda each: (each.end, each.begin))
            found.append(_rollout(timeline, times, before, band))
    return tuple(found)


def _rollout(timeline: Timeline, times: Sequence[float], before: Band, after: Band) -> Rollout:
    withdrawn = after.end < before.end and _was_away(times, after.end, before.end)
    begin = min(after.begin, before.end)
    end = after.end if withdrawn else max(after.begin, before.end)
    part = timeline.between(begin - MARGIN_SECONDS, end + MARGIN_SECONDS)
    return Rollout(
        before=before.version,
        after=after.version,
        first=after.begin,
        last=before.end,
        completed=not withdrawn and _was_away(times, before.end, after.end),
        withdrawn=withdrawn,
        requests=part.requests,
        outage=part.neither(),
        begin=begin,
        end=end,
    )
