"""The versions that answered: when each did, and the changes from one to another."""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.timeline.model import Timeline
    from checker.timeline.outages import Outage
    from checker.timeline.record import Download, Gap, Request

APART_SECONDS = 3.0
"""How long a version must not answer, while others do, before it counts as gone.

One of five replicas gets a fifth of 25 requests a second, so it does not miss three seconds by chance. A return to
the old version within that time is one change that was not finished.
"""

MARGIN_SECONDS = 2.0
"""How many seconds before and after a rollout belong to it: the time after which a request times out."""


@dataclass(frozen=True)
class Band:
    """A time in which a version answered, without interruptions of more than a few seconds."""

    version: str
    begin: float
    """Its first answer."""
    end: float
    """Its last answer."""
    answers: int


@dataclass(frozen=True)
class Rollout:
    """A change from one version to another, as the requests saw it."""

    before: str
    after: str
    first: float
    """The first answer of the new version."""
    last: float
    """The last answer of the old version in this timeline."""
    completed: bool
    """Whether the old version stopped answering, and the new one continues."""
    withdrawn: bool
    """Whether the new version disappeared again while the old one continued: a rollback."""
    requests: tuple[Request, ...]
    """Every request of the change, from a little before it to a little after it."""
    outage: Outage | None
    """The longest time in it without an answer from either version."""
    begin: float
    """When it began: the first answer of the new version, or the last of the old one if that was earlier."""
    end: float
    """When it ended: the last answer of the version that disappeared."""
    downloads: tuple[Download, ...] = ()
    """The downloads that were under way in it, in labs whose traffic has them."""
    gaps: tuple[Gap, ...] = ()
    """The times in it without a record."""

    @property
    def seconds(self) -> float:
        """How long it took, from beginning to end."""
        return self.end - self.begin

    @property
    def under_way(self) -> bool:
        """Whether it is undecided. For a few seconds after it ends, it still counts as under way."""
        return not self.completed and not self.withdrawn

    @property
    def failures(self) -> tuple[Request, ...]:
        """The requests that failed in it."""
        return tuple(request for request in self.requests if not request.good)

    @property
    def cut(self) -> tuple[Download, ...]:
        """The downloads under way in it that did not arrive whole."""
        return tuple(download for download in self.downloads if download.cut_off)

    @property
    def refused(self) -> tuple[Download, ...]:
        """The downloads that were tried in it and never began."""
        return tuple(download for download in self.downloads if download.refused)


def bands_of(timeline: Timeline) -> tuple[Band, ...]:
    """Return when each version answered, in the order in which they began."""
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
    """Whether other versions answered for long enough between a version's last answer and a moment.

    Args:
        times: when all good answers were requested.
        last: when the version's last answer was requested.
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
    """Return the changes from one version to another, in order, including unfinished ones."""
    times = [request.at for request in timeline.good]
    found = []
    for index, band in enumerate(timeline.bands[1:], 1):
        older = [each for each in timeline.bands[:index] if each.version != band.version]
        if older:
            # It replaces the version that answered last.
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
        outage=part.longest_outage(),
        begin=begin,
        end=end,
        downloads=part.downloads,
        gaps=part.gaps,
    )
