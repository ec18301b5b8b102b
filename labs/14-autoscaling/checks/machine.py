"""What this machine gave to a program that needed processor time: how much the copies could get, whatever the learner set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Span = tuple[float, float]

RECORD = "/tmp/work"  # noqa: S108 - in the recorder, which nobody else uses
PATIENCE_SECONDS = 2.0
"""How long the users wait for an answer: what happens in that time decides about a request."""
WINDOW_SECONDS = 10.0
"""Over how long it is added up what the recorder's work got. With 30 programs at work on two cores, two pieces of it in five had
luck and got a fifth of a core or more; of ten seconds together, one in ten."""
SHORT_PIECES = 3
"""How many pieces of work in that time must have got too little."""
MOST = 11
"""How many pieces of work there can be in that time: it works once a second."""


@dataclass(frozen=True)
class Work:
    """A piece of work that the recorder did.

    Args:
        at: when it ended, in seconds since 1970.
        took: how many seconds it took.
        needed: how many of these it had a processor.
    """

    at: float
    took: float
    needed: float


def read(text: str) -> list[Work]:
    """Read the recorder's lines; one that is being written is left out."""
    found = []
    for line in text.splitlines():
        try:
            at, took, user, system = map(float, line.split())
        except ValueError:
            continue
        found.append(Work(at, took, user + system))
    return found


def short_of(work: Sequence[Work], cores: float) -> list[Span]:
    """Return the times in which a busy program got less than so many cores, in order, none overlapping the next.

    Args:
        work: what the recorder did.
        cores: how much CPU is enough, in cores.
    """
    found: list[Span] = []
    for number, each in enumerate(work):
        # One piece of work may have had bad luck: what all had together, for some seconds, tells what a copy gets.
        since = each.at - WINDOW_SECONDS
        lately = [other for other in work[max(0, number - MOST) : number + 1] if other.at > since]
        enough = sum(other.needed for other in lately) >= cores * sum(other.took for other in lately)
        short = [other for other in lately if other.needed < cores * other.took]
        # One long wait is no busy machine, however long it was. The busier it is, the fewer pieces get done in that time.
        if enough or len(short) < max(2, min(SHORT_PIECES, len(lately))):
            continue
        begin, end = short[0].at - short[0].took, each.at
        if found and begin <= found[-1][1]:
            begin = found.pop()[0]
        found.append((begin, end))
    return found


def outside(moments: Sequence[float], spans: Sequence[Span]) -> list[float]:
    """Return the requests, by when they were sent, that had their whole time, and the time before it, outside the spans."""
    return [
        each
        for each in moments
        if not any(begin - PATIENCE_SECONDS <= each <= end + PATIENCE_SECONDS for begin, end in spans)
    ]
