"""Streams of requests made for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.timeline.model import Timeline, make
from checker.timeline.record import Connection, Failure, Request

if TYPE_CHECKING:
    from checker.timeline.record import Line

Ending = str | Failure
"""A version that answers, or a way to fail."""


def stream(begin: float, end: float, *endings: Ending, every: float = 0.05, ms: float = 2.0) -> list[Line]:
    """Make a request every so often, with the endings in turn."""
    made: list[Line] = []
    for number in range(round((end - begin) / every)):
        ending = endings[number % len(endings)]
        at = round(begin + number * every, 3)
        if isinstance(ending, Failure):
            made.append(Request(at, ms, 0, ending, "", "", Connection.FRESH))
        else:
            made.append(Request(at, ms, 200, None, ending, f"of-{ending}", Connection.FRESH))
    return made


def timeline(*parts: list[Line], now: float | None = None) -> Timeline:
    """Make a timeline of the parts."""
    return make([line for part in parts for line in part], now=now)
