"""Whether the users' requests were sent on time: a busy machine delays their sender, whatever answers them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from checker.timeline.record import Connection

if TYPE_CHECKING:
    from checker.timeline.model import Timeline

ON_TIME_SECONDS = 0.075
"""How far apart two requests on new connections are at most if the second was sent on time: twenty a second, and half as much
again for a little delay."""

MOST_SECONDS = 0.5
"""How much of one delay counts: a sender that stood still once, or was stopped, does not show what others get."""

LEAST_SECONDS = 20.0
"""How long a record must be to tell it."""


def delayed(timeline: Timeline, begin: float, end: float) -> float:
    """Return for which share of a time the sender was late, from 0 to 1; 0 if the record of it is short.

    Only for users who send requests at a steady pace.

    Args:
        timeline: the record.
        begin: the beginning of the time, in seconds since 1970.
        end: its end.
    """
    part = timeline.between(begin, end).over(Connection.FRESH)
    if part.end - part.begin < min(LEAST_SECONDS, end - begin):
        return 0.0
    sent = [each.at for each in part.requests]
    late = (later - earlier - ON_TIME_SECONDS for earlier, later in itertools.pairwise(sent))
    return sum(min(each, MOST_SECONDS) for each in late if each > 0) / max(part.end - part.begin, 1.0)
