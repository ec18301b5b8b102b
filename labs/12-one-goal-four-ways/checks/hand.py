"""A host's death among those that a person looks after, and what it cost until the service was whole again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.grading.author import Container, Timeline, fail, require, wait_until

if TYPE_CHECKING:
    from .ways import Way

BEFORE_SECONDS = 8.0
"""How long before a loss the copies that answered then count as serving."""

SOON_SECONDS = 1.5
"""A copy that answered so shortly before a loss, and so soon after it, was not lost: each gets a dozen requests a second."""

LOOK_SECONDS = 12.0
"""How long to wait for a service that has come back a moment ago."""


@dataclass(frozen=True)
class Loss:
    """A host that died while the lab ran."""

    host: str
    container: str
    at: float
    """When, in seconds since 1970, by the engine's clock, which the users' is too."""
    serving: int
    """How many copies served the users just before."""
    carried: bool
    """Whether one of these fell silent with it."""


class Losses:
    """The deaths of hosts since the lab was started.

    Args:
        way: the way whose hosts they are.
        wanted: how many copies make the service whole.
    """

    def __init__(self, way: Way, wanted: int) -> None:
        self._way = way
        self._lab = way.lab
        self._wanted = wanted
        self._all = self._deaths()

    def last(self) -> Loss | None:
        """Return the last death that took a copy of a whole service with it."""
        return next((loss for loss in reversed(self._all) if self._counts(loss)), None)

    def idle(self) -> Loss | None:
        """Return the last death that does not count."""
        return next((loss for loss in reversed(self._all) if not self._counts(loss)), None)

    def _counts(self, loss: Loss) -> bool:
        return loss.serving >= self._wanted and loss.carried

    def cost(self, loss: Loss, steady: float) -> tuple[float, int]:
        """Return the seconds until two copies served again and no request failed, and the requests lost until then."""
        after = self._way.traffic.since(loss.at)

        def is_whole() -> bool:
            nonlocal after
            after = self._way.traffic.since(loss.at)
            return after.recovery(loss.at, steady) is not None and len(_first_answers(after)) >= self._wanted

        wait_until(is_whole, LOOK_SECONDS, every=0.5)
        well = after.recovery(loss.at, steady)
        firsts = sorted(_first_answers(after).values())
        if well is None:
            fail(
                f"Since {loss.host} was lost, users' requests fail again and again.",
                expected=f"{steady:g} s without a failed request",
                seen=after.between(after.end - steady, after.end).summary,
                source=self._way.drawn,
                hint="`curl` each host's port 8080 in the toolbox: which of them does not answer as it should?",
            )
        require(
            len(firsts) >= self._wanted,
            f"Since {loss.host} was lost, users have had answers under one name only. Two copies with the same name cannot be "
            "told apart, not by a user, nor by whoever looks for the one that is missing.",
            expected="answers of two copies",
            seen=", ".join(_first_answers(after)) or "no answer",
            source=f"curl {self._way.shown}, several times",
            hint="Without PARCEL_INSTANCE, a copy takes its container's id for a name.",
        )
        whole = max(loss.at + well, firsts[self._wanted - 1])
        return round(whole - loss.at, 1), after.lost(loss.at, whole)

    def _deaths(self) -> list[Loss]:
        began = _seconds(self._lab.node("toolbox").started_at)
        found = []
        for host in self._way.cluster.nodes:
            container = self._container(host)
            if container is None:
                continue
            ended = _seconds(container.attrs["State"]["FinishedAt"])
            if not container.running or ended > began:
                found.append(Loss(host, container.id, ended, *self._at(ended)))
        return sorted(found, key=lambda loss: loss.at)

    def _container(self, host: str) -> Container | None:
        """Return a host's container, also one that is dead."""
        labels = {
            "com.docker.compose.project": self._lab.course_lab.project,
            "com.docker.compose.service": host,
        }
        found = self._lab.engine.list_all("containers", labels=labels)
        return self._lab.container(str(found[0]["Names"][0]).lstrip("/")) if found else None

    def _at(self, moment: float) -> tuple[int, bool]:
        """Return how many copies served just before a moment, and whether one fell silent then.

        When the record does not go back so far, a whole service that lost a copy is taken for granted.
        """
        seen = self._way.traffic.since(moment - BEFORE_SECONDS)
        if seen.begin > moment - 1:
            return self._wanted, True
        serving = len(seen.between(moment - BEFORE_SECONDS, moment).instances)
        last = seen.between(moment - SOON_SECONDS, moment).instances
        soon = seen.between(moment + 0.2, moment + 0.2 + SOON_SECONDS).instances
        # Where the users themselves were held up, what cannot be told is taken for granted too.
        return serving, len(last) < self._wanted or not last.keys() <= soon.keys()


def _first_answers(timeline: Timeline) -> dict[str, float]:
    """Return when each copy first answered in a stretch of the record."""
    found: dict[str, float] = {}
    for request in timeline.good:
        if request.instance:
            found.setdefault(request.instance, request.at)
    return found


def _seconds(stamp: str) -> float:
    """Return an engine's time stamp as seconds since 1970; a time that never was is long ago."""
    return dt.datetime.fromisoformat(stamp).timestamp() if not stamp.startswith("0001") else 0.0
