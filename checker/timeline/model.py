"""Timeline: a part of the record, and the questions that checks ask about it."""

from __future__ import annotations

import bisect
import collections
import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from checker.timeline.outages import Outage, outages_of, recovery_of
from checker.timeline.record import Begin, Connection, Download, Failure, Gap, Mark, Request
from checker.timeline.versions import Band, Rollout, bands_of, rollouts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checker.timeline.record import Line

__all__ = ["Band", "Moment", "Outage", "Rollout", "Timeline", "make", "seconds_of"]

STEADY_SECONDS = 3.0
"""How long no request may fail before the service counts as recovered."""

Moment = float | Mark
"""A moment: seconds since 1970 by the sender's clock, or the mark that was left then."""


def seconds_of(moment: Moment) -> float:
    """Return a moment as seconds since 1970."""
    return moment.at if isinstance(moment, Mark) else moment


@dataclass(frozen=True)
class Timeline:
    """A part of the record. It never changes; the fixture `timeline` reads a new one.

    Args:
        begin: when it begins.
        end: when it ends; requests that were still waiting for an answer then are not in it.
        requests: in the order in which they were sent.
        marks: in order.
        gaps: in order, none overlapping the next.
        to: the last address that requests were sent to.
        first_good: when the first good answer of the record was requested; requests before it met no service yet.
        downloads: requests whose answers take seconds, in the order in which they were sent. In a part of a timeline
            they are those that were under way in it.
    """

    begin: float
    end: float
    requests: tuple[Request, ...] = ()
    marks: tuple[Mark, ...] = ()
    gaps: tuple[Gap, ...] = ()
    to: str = ""
    first_good: float | None = None
    downloads: tuple[Download, ...] = ()

    # -- parts of it ---------------------------------------------------------------------------------------

    def since(self, moment: Moment) -> Timeline:
        """Return the part after a moment: the requests sent from then on."""
        return self.between(moment, self.end)

    def between(self, begin: Moment, end: Moment) -> Timeline:
        """Return the part between two moments: the requests sent in that time, with gaps cut at its ends."""
        first, last = max(seconds_of(begin), self.begin), min(seconds_of(end), self.end)
        last = max(first, last)
        low = bisect.bisect_left(self.requests, first, key=_at)
        return replace(
            self,
            begin=first,
            end=last,
            requests=self.requests[low : bisect.bisect_right(self.requests, last, key=_at)],
            marks=tuple(mark for mark in self.marks if first <= mark.at <= last),
            gaps=tuple(
                Gap(max(gap.begin, first), min(gap.end, last), gap.cause)
                for gap in self.gaps
                if gap.begin < last and gap.end > first
            ),
            downloads=tuple(each for each in self.downloads if each.at <= last and each.end >= first),
        )

    @property
    def served(self) -> Timeline:
        """The part from the very first good answer on: earlier failures met no service yet."""
        return self if self.first_good is None else self.since(self.first_good)

    def with_marks(self, marks: Iterable[Mark]) -> Timeline:
        """Return the timeline with these marks instead of its own."""
        return replace(self, marks=tuple(sorted(marks, key=lambda mark: mark.at)))

    def over(self, connection: Connection) -> Timeline:
        """Return the timeline with only the requests of one kind of connection."""
        return replace(self, requests=tuple(each for each in self.requests if each.connection is connection))

    # -- what was answered ---------------------------------------------------------------------------------

    @functools.cached_property
    def failures(self) -> tuple[Request, ...]:
        """The requests that got no good answer."""
        return tuple(request for request in self.requests if not request.good)

    @functools.cached_property
    def good(self) -> tuple[Request, ...]:
        """The requests that got a good answer."""
        return tuple(request for request in self.requests if request.good)

    @property
    def cut(self) -> tuple[Download, ...]:
        """The downloads that were under way, and did not arrive whole."""
        return tuple(download for download in self.downloads if download.cut_off)

    @property
    def refused(self) -> tuple[Download, ...]:
        """The downloads that never began: no connection, or an error in place of the answer."""
        return tuple(download for download in self.downloads if download.refused)

    @property
    def kinds(self) -> dict[Failure, int]:
        """How many requests failed in each way, the most frequent first."""
        found = collections.Counter(each.failure for each in self.failures if each.failure)
        return dict(found.most_common())

    @property
    def resent(self) -> tuple[Request, ...]:
        """The requests during which the kept connection was cut, so they were sent again."""
        return tuple(request for request in self.requests if request.resent)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that answered, in the order of their first answers."""
        return tuple(dict.fromkeys(each.version for each in self.good if each.version))

    @property
    def instances(self) -> dict[str, int]:
        """How many good answers each instance gave, in the order of their first answers."""
        return dict(collections.Counter(each.instance for each in self.good if each.instance))

    @property
    def latest(self) -> str:
        """The version that answered last; empty if none did."""
        return next((each.version for each in reversed(self.good) if each.version), "")

    @property
    def pause(self) -> float:
        """How many seconds are without a record."""
        return sum(gap.seconds for gap in self.gaps)

    def lost(self, begin: Moment, end: Moment | None = None) -> int:
        """Return how many of the requests sent between two moments failed."""
        return len(self.between(begin, self.end if end is None else end).failures)

    def latency(self, percent: float) -> float:
        """Return the milliseconds within which this share of the good answers came; 0 without good answers.

        Args:
            percent: 50 for the median, 99 for all but the slowest hundredth (nearest rank).
        """
        if not self.good:
            return 0.0
        sorted_ms = self._latencies
        return sorted_ms[min(len(sorted_ms), max(1, math.ceil(len(sorted_ms) * percent / 100))) - 1]

    @functools.cached_property
    def _latencies(self) -> list[float]:
        return sorted(request.ms for request in self.good)

    def mark(self, text: str) -> Mark | None:
        """Return the last mark that contains these words, or None."""
        return next((mark for mark in reversed(self.marks) if text in mark.text), None)

    # -- when it was away ----------------------------------------------------------------------------------

    def outages(self) -> tuple[Outage, ...]:
        """Return every time between two good answers in which all requests failed, in order."""
        return outages_of(self)

    def longest_outage(self) -> Outage | None:
        """Return the longest time in which no request got a good answer; None if there was none."""
        return max(self.outages(), key=lambda outage: outage.seconds, default=None)

    def recovery(self, moment: Moment, steady: float = STEADY_SECONDS) -> float | None:
        """Return the seconds from a moment until the service had recovered.

        It has recovered with the first good answer after which no request failed for a while. 0 if no request
        failed after the moment; None if it has not recovered yet, or if the record is not long enough to tell.

        Args:
            moment: when the trouble began.
            steady: for how many seconds no request may fail.
        """
        return recovery_of(self.since(moment), steady)

    # -- versions ------------------------------------------------------------------------------------------

    @functools.cached_property
    def bands(self) -> tuple[Band, ...]:
        """When each version answered, in the order in which they began.

        A version that does not answer for a few seconds while others do is gone. It begins a new band when it
        comes back. Time in which no version answered does not count.
        """
        return bands_of(self)

    def rollouts(self) -> tuple[Rollout, ...]:
        """Return the changes from one version to another, in order, including unfinished ones."""
        return rollouts_of(self)

    # -- words ---------------------------------------------------------------------------------------------

    @property
    def summary(self) -> str:
        """One line for `seen`: how many requests there were, and how many failed in which way."""
        total = len(self.requests)
        if not total:
            return "no request was sent"
        cut = downloads_words(self)
        if not self.failures:
            return f"{_count(total)} answered{cut}"
        ways = ", ".join(f"{number} {kind.words}" for kind, number in self.kinds.items())
        return f"{len(self.failures)} of {_count(total)} failed: {ways}{cut}"


def downloads_words(part: Timeline | Rollout) -> str:
    """Return how the downloads ended, as the end of a sentence; empty if all arrived whole."""
    ways = {"cut off": len(part.cut), "refused": len(part.refused)}
    told = [f"{number} {way}" for way, number in ways.items() if number]
    if told:
        first, _, way = told[0].partition(" ")
        told[0] = f"{first} of {len(part.downloads)} downloads {way}"
    return f"; {' and '.join(told)}" if told else ""


def _count(number: int) -> str:
    return f"{number} request{'' if number == 1 else 's'}"


def _at(request: Request) -> float:
    return request.at


def make(lines: Iterable[Line], *, now: float | None = None, first_good: float | None = None) -> Timeline:
    """Make a Timeline from the lines of a record.

    Args:
        lines: as `read_lines` returns them.
        now: the time until which the record is complete; by default the time of the last line.
        first_good: when the very first good answer was requested; by default the first one among the lines.
    """
    known = list(lines)
    downloads = sorted((line for line in known if isinstance(line, Download)), key=_at)
    requests = sorted(
        (line for line in known if isinstance(line, Request) and not isinstance(line, Download)), key=_at
    )
    marks = sorted((line for line in known if isinstance(line, Mark)), key=lambda mark: mark.at)
    gaps = [line for line in known if isinstance(line, Gap)]
    begins = [line for line in known if isinstance(line, Begin)]
    times = [line.at for line in begins] + [mark.at for mark in marks]
    times += [time for gap in gaps for time in (gap.begin, gap.end)]
    if requests:
        times += (requests[0].at, max(request.end for request in requests))
    begin = min(times, default=now or 0.0)
    return Timeline(
        begin=begin,
        end=max(begin, max(times, default=begin) if now is None else now),
        requests=tuple(requests),
        marks=tuple(marks),
        gaps=_joined(gaps),
        to=begins[-1].to if begins else "",
        first_good=next((request.at for request in requests if request.good), None)
        if first_good is None
        else first_good,
        downloads=tuple(downloads),
    )


def _joined(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Put gaps in order. If two overlap, the later one begins where the earlier one ends."""
    found: list[Gap] = []
    for gap in sorted(gaps, key=lambda each: each.begin):
        begin = max(gap.begin, found[-1].end) if found else gap.begin
        if gap.end > begin:
            found.append(Gap(begin, gap.end, gap.cause))
    return tuple(found)
