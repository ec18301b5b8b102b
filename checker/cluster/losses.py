"""A host that died, and what users saw until the service had recovered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.grading.author import wait_until

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
    """Whether one of these stopped answering when the host died."""


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


def served_before(traffic: Traffic, moment: float, wanted: int) -> tuple[int, int, bool]:
    """Return how many copies served before a moment, how many of them until then, and whether one stopped answering.

    When the record does not go back far enough, the answer is: all of them served, and one was lost.
    """
    seen = traffic.since(moment - BEFORE_SECONDS)
    if seen.begin > moment - 1:
        return wanted, wanted, True
    serving = len(seen.between(moment - BEFORE_SECONDS, moment).instances)
    last = seen.between(moment - SOON_SECONDS, moment).instances
    soon = seen.between(moment + 0.2, moment + 0.2 + SOON_SECONDS).instances
    # If the users' requests were delayed, this cannot be known either, and the same answer is given.
    return serving, len(last), len(last) < wanted or not last.keys() <= soon.keys()


def _first_answers(timeline: Timeline) -> dict[str, float]:
    """Return when each copy first answered in a part of the record."""
    found: dict[str, float] = {}
    for request in timeline.good:
        if request.instance:
            found.setdefault(request.instance, request.at)
    return found
