"""A timeline cut into equal pieces of time, for drawing."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.timeline.model import Timeline

UNNAMED = "answered"
"""The version of answers that name none."""


@dataclass
class Bucket:
    """What happened in one piece of time."""

    begin: float
    end: float
    answers: collections.Counter[str] = field(default_factory=collections.Counter)
    """Good answers by version."""
    failed: int = 0
    """Requests that failed, once there was a service."""
    unmet: int = 0
    """Requests that failed before the very first good answer: there was no service yet."""
    cut: int = 0
    """Downloads that were cut off in it."""
    blind: float = 0.0
    """The share of it without a record, 0 to 1."""

    @property
    def total(self) -> int:
        """How many requests were sent in it."""
        return self.answers.total() + self.failed + self.unmet


def cut(timeline: Timeline, count: int) -> list[Bucket]:
    """Cut a timeline into pieces of equal length.

    Args:
        timeline: what to cut.
        count: how many pieces, at least one.
    """
    width = max(timeline.end - timeline.begin, 0.001) / count
    buckets = [
        Bucket(timeline.begin + number * width, timeline.begin + (number + 1) * width)
        for number in range(count)
    ]
    met = timeline.first_good
    for request in timeline.requests:
        bucket = buckets[_place(request.at, timeline.begin, width, count)]
        if request.good:
            bucket.answers[request.version or UNNAMED] += 1
        elif met is None or request.at < met:
            bucket.unmet += 1
        else:
            bucket.failed += 1
    for download in timeline.cut:
        if met is not None and download.at >= met:
            buckets[_place(download.end, timeline.begin, width, count)].cut += 1
    for gap in timeline.gaps:
        first = _place(gap.begin, timeline.begin, width, count)
        for bucket in buckets[first : _place(gap.end, timeline.begin, width, count) + 1]:
            shared = min(gap.end, bucket.end) - max(gap.begin, bucket.begin)
            bucket.blind += max(0.0, shared) / width
    return buckets


def place(moment: float, timeline: Timeline, count: int) -> int:
    """Return the number of the piece that contains a moment."""
    return _place(moment, timeline.begin, max(timeline.end - timeline.begin, 0.001) / count, count)


def _place(moment: float, begin: float, width: float, count: int) -> int:
    return min(max(int((moment - begin) / width), 0), count - 1)


def versions(buckets: list[Bucket]) -> list[str]:
    """Return the versions that answered, in the order of their first answers."""
    return list(dict.fromkeys(version for bucket in buckets for version in bucket.answers))
