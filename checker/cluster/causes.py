"""Why a release of plain containers cost its users something, from what their engine remembers of it.

Swarm, Kubernetes and Nomad say themselves what they did. Where a script replaces containers, only the engine's events say
in which order it started, stopped and killed them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from checker.grading.history import endings
from checker.timeline.record import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.history import Event, EventLog
    from checker.timeline.model import Rollout

NEAR_SECONDS = 12.0
"""How long before and after a release its cause may lie: longer than a user's download takes."""

SAME_SECONDS = 2.0
"""How far the end of a container may be from the end of the downloads that it cut off: a request times out after that."""

RECORDED_SECONDS = 0.05
"""How long after a signal was sent the engine records it, at most; measured as 0.5 ms on an idle machine."""


def because(log: EventLog, move: Rollout, *, proxy: str, warm_up: float) -> str:
    """Say what in a release cost the users something, as a sentence; empty if it cannot be told.

    Args:
        log: the events of the engine that runs the versions and the proxy.
        move: the release.
        proxy: the name of the proxy's container.
        warm_up: seconds that a copy needs from its start until it can serve.
    """
    events = log.between(move.begin - NEAR_SECONDS, move.end + NEAR_SECONDS)
    ends = [each.at for each in events if each.name == proxy and each.action == "die"]
    if any(move.begin - SAME_SECONDS <= at <= move.end + SAME_SECONDS for at in ends):
        return (
            "The proxy itself was stopped, with every connection that went through it. A proxy can read its file again while "
            "it runs."
        )
    versions = [each for each in events if each.name != proxy]
    return _failed(move, versions, warm_up) if move.failures else _cut_off(move, versions, log)


def _failed(move: Rollout, events: Sequence[Event], warm_up: float) -> str:
    first = move.failures[0].at
    deaths = [each.at for each in events if _is(each, move.before) and each.action == "die"]
    starts = [each.at for each in events if _is(each, move.after) and each.action == "start"]
    if deaths and deaths[-1] < min(move.first - 0.5, first + 3):
        return (
            f"{move.before} had ended {move.first - deaths[-1]:.1f} s before {move.after} first answered: the old version was "
            "stopped first, and the new one started, or warmed up, after that."
        )
    if starts and move.outage and max(move.outage.begin, first) < starts[-1] < move.outage.end:
        # The engine has forgotten the end.
        return (
            f"Requests failed {starts[-1] - first:.1f} s before {move.after} was started: the old version was stopped first, and "
            "the new one started after that."
        )
    # The old version may have failed before, when it warmed up itself.
    sent = next((each.at for each in move.failures if starts and each.at >= starts[-1]), first)
    if starts and 0 <= sent - starts[-1] < warm_up + 0.5:
        return (
            f"The users were sent to {move.after} {sent - starts[-1]:.1f} s after its start: it runs, and cannot serve "
            f"yet, because it needs {warm_up:g} s until it is ready."
        )
    return ""


def _cut_off(move: Rollout, events: Sequence[Event], log: EventLog) -> str:
    first = min(move.cut, key=lambda each: each.end)
    if first.failure is Failure.TIMED_OUT:
        return (
            f"Nobody closed their connections: the rest had not come when the users gave up, {first.ms / 1000:.0f} s after the first had "
            "begun. What would have sent it may stand still, or be off the network."
        )
    cut = first.end
    # Users who stood still found out only afterwards.
    since = min((gap.begin for gap in move.gaps if gap.begin < cut < gap.end + SAME_SECONDS), default=cut)
    old = [each for each in endings(events) if _is(each.died, move.before)]
    near = [each for each in old if since - SAME_SECONDS < each.died.at < cut + SAME_SECONDS]
    asked = min((at for each in near[:1] for at in (each.told, each.killed) if at is not None), default=cut)
    if not near or (asked > cut + RECORDED_SECONDS and near[0].forced is None):
        if since < cut or not _ran(log.between(0.0, math.inf), move.before, cut):
            return ""
        return (
            "Both versions were running at that moment, so something between them and the users dropped the open connections: the "
            "proxy, when it read its file again, or the network."
        )
    end = near[0]
    if end.told and end.forced:
        return (
            f"`{end.died.name}` was asked to stop, and killed {end.forced - end.told:.1f} s later: a download takes longer, and "
            "the time-out of the stop was over."
        )
    if end.forced:
        return f"`{end.died.name}` was killed (SIGKILL) in the middle of them: it could finish nothing."
    return (
        f"`{end.died.name}` was asked to stop while they were under way, and ended by itself "
        f"{end.died.at - (end.told or end.died.at):.1f} s later, before they had."
    )


def _ran(events: Sequence[Event], version: str, at: float) -> bool:
    """Whether it is on record that a copy of a version ran at a moment."""
    known: dict[str, list[Event]] = {}
    for each in events:
        if _is(each, version) and each.action in {"start", "die"}:
            known.setdefault(each.container, []).append(each)
    for ones in known.values():
        earlier = [each.action for each in ones if each.at <= at]
        # The engine may have forgotten the start of one that ended later.
        if earlier[-1] == "start" if earlier else ones[0].action == "die":
            return True
    return False


def _is(event: Event, version: str) -> bool:
    """Whether an event is of a copy of this version; the lab's own containers have versions too."""
    return event.kind == "parcel" and version in {event.version, event.image.rpartition(":")[2]}
