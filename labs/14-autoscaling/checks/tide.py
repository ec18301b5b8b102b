"""The last tide: when it was, what users got, and how many copies there were at each moment."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import msgspec

from checker.grading.author import could_not_run, wait_until

from . import machine
from .autoscaler import WHY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.author import Lab, Timeline, Traffic

    from .autoscaler import Scaled
    from .machine import Span

RECORD = "/tmp/replicas"  # noqa: S108 - in the recorder, which nobody else uses
BEGINS, ENDS = "load begins", "load ends"
SECONDS = 180.0
"""How long it takes: the last point of users.yaml."""
AFTER_SECONDS = 120.0
"""How long after its end the copies may take to become few again: a memory of a minute, and what measuring, deciding and
a busy machine add to it."""
COUNTED_SECONDS = 60.0
"""For how long after its end copies are counted as taken."""
BUSY_SECONDS = 2.0
"""For how many seconds of it the users may have sent nothing until failures may be the machine's fault."""
UNSENT_SECONDS = 10.0
"""For how many seconds of it they may have sent nothing until it was no such tide."""
SHORT_SECONDS = 10.0
"""For how many seconds the copies may have got less than they may use until they may be late for that."""


@dataclass(frozen=True)
class Change:
    """How many copies there were from a moment on.

    Args:
        at: seconds since 1970.
        wanted: how many there should be.
        ready: how many got requests.
        by: who last set the number.
    """

    at: float
    wanted: int
    ready: int
    by: str


class Tide:
    """The last tide.

    Args:
        lab: the lab.
        scaled: what is scaled.
        timeline: the users' record.
    """

    def __init__(self, lab: Lab, scaled: Scaled, timeline: Traffic) -> None:
        self._lab, self._scaled, self._timeline = lab, scaled, timeline

    @functools.cached_property
    def _marks(self) -> tuple[float, float | None]:
        marks = [each for each in self._timeline.everything().marks if each.text in {BEGINS, ENDS}]
        begins = [each.at for each in marks if each.text == BEGINS]
        if not begins:
            WHY.fail("no-tide", seen="no tide in the users' record")
        ends = [each.at for each in marks if each.text == ENDS and each.at > begins[-1]]
        return begins[-1], ends[0] if ends else None

    @property
    def begin(self) -> float:
        """When it began; without one, the check ends."""
        return self._marks[0]

    @property
    def end(self) -> float | None:
        """When it ended; None while it is under way."""
        return self._marks[1]

    @property
    def due(self) -> float:
        """When it ends, or ended."""
        return self.end or self.begin + SECONDS

    def require_over(self) -> None:
        """Say that it cannot be judged yet, while it is under way."""
        if self.end is None:
            left = self.due - self._timeline.now()
            could_not_run(
                f"The tide is under way: {left:.0f} s are left. Check again then."
                if left > 0
                else "The tide was interrupted. `bash tide.sh` lets another one come."
            )
        self.require_calm(UNSENT_SECONDS)

    def require_calm(self, seconds: float = BUSY_SECONDS) -> None:
        """Say that nothing can be judged, if for more than so long the machine was too busy for the users themselves."""
        if (pause := self.seen.pause) > seconds:
            could_not_run(
                f"This machine was so busy that the users could send nothing for {pause:.1f} s of the tide, so what failed may be its "
                "fault. `bash tide.sh` lets another one come, when less runs beside the lab."
            )

    def require_power(self, failures: int) -> None:
        """Say that nothing can be judged, if no more than so many requests failed while the machine had what a copy may use."""
        if len(machine.outside([each.at for each in self.seen.failures], self.short)) <= failures:
            self._tell_of_short("requests failed")

    def require_power_until(self, seconds: float) -> None:
        """Say that nothing can be judged, if the machine did not have what a copy may use, in its first seconds."""
        if sum(max(0.0, min(end, self.begin + seconds) - begin) for begin, end in self.short) > SHORT_SECONDS:
            self._tell_of_short("copies came late, or not at all")

    def _tell_of_short(self, what: str) -> NoReturn:
        lasted = sum(end - begin for begin, end in self.short)
        could_not_run(
            f"This machine was too busy: for {lasted:.0f} s of the tide, a program with work to do got less than the "
            f"{self._cores * 1000:.0f}m of CPU that a copy may use. Perhaps that is why {what}. `bash tide.sh` lets another one come, when "
            "less runs beside the lab."
        )

    @functools.cached_property
    def short(self) -> list[Span]:
        """When in it the machine gave a busy program less than a copy may use."""
        since, until = self.begin - machine.WINDOW_SECONDS, self.due + machine.WINDOW_SECONDS
        lines = f"awk '$1 > {since:.0f} && $1 < {until:.0f}' {machine.RECORD}"
        work = machine.read(self._lab.node("recorder").exec(lines).stdout)
        found = machine.short_of(work, self._cores)
        return [
            (max(begin, self.begin), min(end, self.due))
            for begin, end in found
            if begin < self.due and end > self.begin
        ]

    @property
    def _cores(self) -> float:
        return self._scaled.limit or 0.0

    @property
    def seen(self) -> Timeline:
        """What users got in it, up to now."""
        return self._timeline.everything().between(self.begin, self.due)

    # -- how many copies ---------------------------------------------------------------------------------------

    def read(self) -> list[Change]:
        """Read how many copies there were, from before its beginning up to now."""
        workload = self._scaled.workload
        lines = self._lab.node("recorder").exec(f"cat {RECORD}").stdout.splitlines()
        found: list[Change] = []
        for line in lines:
            try:
                at, kind, space, name, wanted, ready, by = msgspec.json.decode(line)
            except (msgspec.DecodeError, ValueError):
                continue  # a line that is being written
            if (kind, space, name) == (workload.kind, workload.namespace, workload.name):
                found.append(Change(at, wanted or 0, ready, by))
        if not found:
            could_not_run(
                f"The recorder has written nothing of {workload.title}: `lab start {int(self._lab.number)}` repairs it, and "
                "`bash tide.sh` lets another tide come."
            )
        earlier = [each for each in found if each.at < self.begin]
        return [*earlier[-1:], *(each for each in found if each.at >= self.begin)]

    @functools.cached_property
    def changes(self) -> list[Change]:
        """How many copies there were, up to two minutes after its end, or to when they were as few as before."""
        self.read_until_few()
        last = self.due + AFTER_SECONDS
        return [each for each in self.read() if each.at <= last]

    def read_until_few(self) -> bool:
        """Wait until there are as few copies as before, two minutes after its end at most."""
        left = self.due + AFTER_SECONDS - self._timeline.now()
        return wait_until(self._are_few, max(left, 0.0), every=0.5)

    def _are_few(self) -> bool:
        found = self.read()
        low = self._scaled.autoscaler.spec.min_replicas
        return bool(found) and found[-1].wanted <= max(risen(wanted(found))[0], low)

    @property
    def first_wanted(self) -> float | None:
        """After how many seconds more copies were wanted; None if they never were."""
        return next((later.at - self.begin for _, later in self._rise), None)

    @property
    def first_ready(self) -> float | None:
        """After how many seconds the first new copy got requests; None if none did."""
        # Of copies that an earlier tide left, some may still be ready when no more are wanted.
        before = next((min(each.ready, each.wanted) for each, _ in self._rise), 0)
        return next((each.at - self.begin for _, each in self._rise if each.ready > before), None)

    @property
    def _rise(self) -> list[tuple[Change, Change]]:
        """Each change beside the one before it, from when more copies were wanted on."""
        pairs = itertools.pairwise(self.changes)
        return list(itertools.dropwhile(lambda pair: pair[1].wanted <= pair[0].wanted, pairs))


def wanted(changes: Sequence[Change]) -> list[int]:
    """Return the numbers that were wanted one after the other, each other than the one before."""
    found: list[int] = []
    for each in changes:
        if not found or found[-1] != each.wanted:
            found.append(each.wanted)
    return found


def risen(numbers: Sequence[int]) -> list[int]:
    """Leave out the fall at the beginning: copies that an earlier tide had left behind, and that were removed in this one."""
    falls = itertools.takewhile(lambda pair: pair[1] < pair[0], itertools.pairwise(numbers))
    return list(numbers[sum(1 for _ in falls) :])


def turns(numbers: Sequence[int]) -> int:
    """Return how often numbers changed from rising to falling, or back."""
    signs = [1 if later > earlier else -1 for earlier, later in itertools.pairwise(numbers)]
    return sum(one != other for one, other in itertools.pairwise(signs))


def copy_seconds(changes: Sequence[Change], begin: float, end: float) -> float:
    """Return for how many seconds copies were wanted between two moments, all copies together."""
    total = 0.0
    for each, after in zip(changes, [*(later.at for later in changes[1:]), end], strict=True):
        total += each.wanted * max(0.0, min(after, end) - max(each.at, begin))
    return total
