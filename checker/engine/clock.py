"""The engine's clock: an engine in a virtual machine is seconds behind or ahead after a laptop has slept.

What an engine tells of moments (events, when a container began) is by its own clock. To compare that with ours would
wait for, or overlook, as many seconds as the two differ.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_SECONDS = 30.0
"""How long a look holds: a laptop may sleep while a lab is watched."""

SLACK_SECONDS = 0.1
"""How long an answer may have been under way without being looked into."""


class Clock:
    """Tells the engine's time.

    Args:
        date: asks the engine for anything and gives its answer's `Date`, which has whole seconds and costs nothing.
        info: asks for the engine's `/info`, which has the time in full, and costs some milliseconds.
    """

    def __init__(self, date: Callable[[], str], info: Callable[[], dict[str, Any]]) -> None:
        self._date = date
        self._info = info
        self._skew = 0.0
        self._looked = -KEPT_SECONDS

    def now(self) -> float:
        """Return what time it is there, in seconds since 1970."""
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
            return 0.0  # cut to whole seconds, it says no other time than ours
        before = dt.datetime.fromtimestamp(time.time(), dt.UTC)
        told = str(self._info().get("SystemTime") or "")
        return skew_of(told, before, dt.datetime.fromtimestamp(time.time(), dt.UTC))


def skew_of(said: str, before: dt.datetime, after: dt.datetime) -> float:
    """Return the seconds by which a clock is ahead that said a time between two moments of ours."""
    # Engines give nanoseconds; Python reads microseconds.
    text = re.sub(r"(\.\d{6})\d+", r"\1", said)
    try:
        theirs = dt.datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    if before <= theirs <= after:
        return 0.0
    return (theirs - (after if theirs > after else before)).total_seconds()
