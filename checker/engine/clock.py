"""The engine's clock: after a laptop has slept, an engine in a virtual machine can be seconds behind or ahead.

An engine's times (of events, of a container's start) are those of its own clock. Comparing them with our clock would
mean to wait too long, or to miss events, by as many seconds as the two clocks differ.
"""

from __future__ import annotations

import datetime as dt
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_SECONDS = 30.0
"""How long a measured difference is used: a laptop may sleep while `lab watch` runs."""

SLACK_SECONDS = 0.1
"""How much delay of an answer is accepted before the difference is measured exactly."""


class Clock:
    """Tells the engine's time.

    Args:
        date: sends the engine a request and returns the answer's `Date`, which has whole seconds and is quick.
        info: returns the engine's `/info`, which has the exact time and takes a few milliseconds.
    """

    def __init__(self, date: Callable[[], str], info: Callable[[], dict[str, Any]]) -> None:
        self._date = date
        self._info = info
        self._skew = 0.0
        self._looked = -KEPT_SECONDS

    def now(self) -> float:
        """Return the engine's time, in seconds since 1970."""
        if time.monotonic() - self._looked > KEPT_SECONDS:
            self._skew = self._look()
            self._looked = time.monotonic()
        return time.time() + self._skew

    def _look(self) -> float:
        text = self._date()
        now = time.time()
        try:
            said = parsedate_to_datetime(text).timestamp()
        except (ValueError, TypeError):
            said = None
        if said is not None and -1 - SLACK_SECONDS <= said - now <= SLACK_SECONDS:
            return 0.0  # rounded down to whole seconds, it is the same time as ours
        before = dt.datetime.fromtimestamp(time.time(), dt.UTC)
        told = str(self._info().get("SystemTime") or "")
        return skew_of(told, before, dt.datetime.fromtimestamp(time.time(), dt.UTC))


def moment(text: str) -> float:
    """Return a time stamp of the engine in seconds since 1970; 0 for none, for which the engine writes the year 1."""
    if text.startswith("0001-"):
        return 0.0
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def skew_of(said: str, before: dt.datetime, after: dt.datetime) -> float:
    """Return how many seconds a clock is ahead, if it gave its time between two moments of our clock."""
    try:
        theirs = dt.datetime.fromisoformat(said)
    except ValueError:
        return 0.0
    if before <= theirs <= after:
        return 0.0
    return (theirs - (after if theirs > after else before)).total_seconds()
