"""A host that died, and what users saw until the service had recovered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from checker.grading.author import wait_until
from checker.timeline.traffic import ENDED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from checker.grading.author import Timeline, Traffic

BEFORE_SECONDS = 8.0
"""A copy that answered within this time before a loss counts as serving: each gets several requests a second."""

SOON_SECONDS = 1.5
"""A copy that answered within this time before a loss, and within this time after it, was not lost."""

LOOK_SECONDS = 12.0
"""How long to wait for a service that is recovering."""


@dataclass(frozen=True)
class Loss:
    """A host that died while the lab ran."""

    host: str
    container: str
    """The id of the container that stands for it."""
    at: float
    """When, in seconds since 1970, by the engine's clock, which the users' record has too."""
    down: bool
    """Whether it is dead now; otherwise somebody has started it again."""
    serving: int
    """How many copies served the users shortly before, by the names in their answers."""
    at_once: int
    """How many of these served in the last moment before; fewer than `serving` when one had just been replaced."""
    carried: bool
    """Whether one of these stopped answering when the host died, or requests failed then."""
    known: bool = True
    """Whether the record goes, or went, back so far; when not, all copies are taken to have served, and one to have died."""


@dataclass(frozen=True)
class Recovery:
    """What users saw after a loss, until the service had recovered."""

    loss: Loss
    wanted: int
    """How many copies the service needs."""
    after: Timeline
    """The record since the loss."""
    well: float | None
    """Seconds until no request failed any more; None when requests still fail."""
    answers: dict[str, float]
    """When each copy first answered after the loss."""

    @property
    def whole(self) -> bool:
        """Whether enough copies answer, and no request fails."""
        return self.well is not None and len(self.answers) >= self.wanted

    @property
    def cost(self) -> tuple[float, int]:
        """The seconds until it had recovered, and the requests lost until then; to be read only once it has."""
        moment = max(self.loss.at + (self.well or 0.0), sorted(self.answers.values())[self.wanted - 1])
        return round(moment - self.loss.at, 1), self.after.lost(self.loss.at, moment)


def recovery(
    loss: Loss, traffic: Traffic, wanted: int, steady: float, names: Collection[str] = ()
) -> Recovery:
    """Return what users have seen since a loss, once the service has recovered, or after a time limit.

    Args:
        loss: the loss.
        traffic: the users.
        wanted: how many copies the service needs.
        steady: seconds without a failed request until the service counts as recovered.
        names: the names of the copies that count; all count, when left out.
    """

    def look() -> Recovery:
        after = traffic.since(loss.at)
        answers = _first_answers(after)
        if names:
            answers = {name: at for name, at in answers.items() if name in names}
        return Recovery(loss, wanted, after, after.recovery(loss.at, steady), answers)

    found = look()

    def is_whole() -> bool:
        nonlocal found
        found = look()
        return found.whole

    wait_until(is_whole, LOOK_SECONDS, every=0.5)
    return found


class Before(NamedTuple):
    """What users had before a moment and after it; see Loss."""

    serving: int
    at_once: int
    carried: bool
    is_over: bool
    """Whether enough time has passed since to say so."""


def served_before(traffic: Traffic, moment: float, wanted: int) -> Before | None:
    """Return how many copies served before a moment, how many of them until then, and whether one stopped answering.

    None when the record does not go back far enough.
    """
    seen = traffic.since(moment - BEFORE_SECONDS)
    if seen.begin > moment - 1:
        return None
    serving = len(seen.between(moment - BEFORE_SECONDS, moment).instances)
    last = seen.between(moment - SOON_SECONDS, moment).instances
    soon = seen.between(moment + 0.2, moment + 0.2 + SOON_SECONDS)
    # If the users' requests were delayed, this cannot be known either, and the answer is that one was lost. A copy of
    # the same name may have taken its place; requests to the dead host have failed until then.
    carried = len(last) < wanted or not last.keys() <= soon.instances.keys() or bool(soon.failures)
    return Before(serving, len(last), carried, seen.end > moment + SOON_SECONDS + ENDED_SECONDS)


def _first_answers(timeline: Timeline) -> dict[str, float]:
    """Return when each copy first answered in a part of the record."""
    found: dict[str, float] = {}
    for request in timeline.good:
        if request.instance:
            found.setdefault(request.instance, request.at)
    return found
