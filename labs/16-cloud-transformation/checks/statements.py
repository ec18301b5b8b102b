"""The statements that the bookkeeper got, by whichever job: one for each ten seconds, none twice, none left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from checker.grading.author import fail, require, wait_until

from . import record
from .move import AGAIN, ARCHIVE
from .record import PERIOD, clock

if TYPE_CHECKING:
    from .move import Move
    from .place import Place
    from .staying import Staying

SECONDS = 3.0 * PERIOD
"""How long to wait for a statement where no job is in sight: the period has to end, and the machine may be busy."""
SELDOM_SECONDS = 75.0
"""How long to wait where there may be a job: it need not run more often than once a minute."""
FRESH_SECONDS = 25.0
"""An older statement does not prove that the job still runs."""
LATE_SECONDS = 75.0
"""How late the oldest of the newest statements may be: a job that runs once a minute sends six together."""
ENDED_SECONDS = 180.0
"""A job that had sent nothing for this long before the engine was back had ended earlier; the restart itself takes up to half of it."""
TOGETHER_SECONDS = 3.0
"""Statements that come within this time are sent by one run of the job."""
BEFORE_PERIODS = 6
"""From how long before the switch statements are looked at. What was before is the learner's practice."""


class Statements:
    """What the bookkeeper got.

    Args:
        place: the new place.
        move: the move there.
        staying: knows when the engine was restarted.
    """

    def __init__(self, place: Place, move: Move, staying: Staying) -> None:
        self.place = place
        self.move = move
        self.staying = staying

    def require_once(self) -> None:
        """Require one statement for each ten seconds, also for those of the move and those after the restart."""
        facts = {
            "expected": "one statement for each ten seconds",
            "source": record.SHOWN + " | grep statement",
        }
        first = int(self.move.at // PERIOD) - BEFORE_PERIODS
        found = self._await(first)
        self._require_none_twice(found, first, facts)
        self._require_up_to_date(found, facts)
        periods = {each["period"] for each in found}
        late = self._late(found)
        require(
            late < LATE_SECONDS,
            f"The job runs too seldom: of the statements that it sent last, the oldest was {late:.0f} s late.",
            seen=f"the statement of {clock((min(each['period'] for each in _newest(found)) + 1) * PERIOD)}, {late:.0f} s late",
            hint="On the old machine it ran every ten seconds. How long does yours wait between two runs?",
            **facts | {"expected": "every statement at most a minute late"},
        )
        gaps = [each for each in range(max(first, min(periods)), max(periods)) if each not in periods]
        require(
            not gaps,
            f"For {len(gaps)} times ten seconds, the bookkeeper got no statement.",
            seen=f"none for {', '.join(clock(each * PERIOD) for each in gaps[:3])}",
            hint="The job sends what is due since its last statement, which it finds in the database. Which database did it have? "
            + AGAIN,
            **facts,
        )
        self._require_counted(found, facts)
        self.staying.remember()

    def _await(self, first: int) -> list[dict[str, Any]]:
        """Return the statements as soon as they decide, or when the newest has been waited for long enough."""
        found: list[dict[str, Any]] = []

        def is_decided() -> bool:
            found[:] = self.move.record().statements
            return bool(twice(found, first)) or (
                self._is_up_to_date(found) and self._late(found) < LATE_SECONDS
            )

        if not is_decided():
            running = [each for each in self.place.engine.containers() if each.running]
            may_come = len(running) > 1 or self._came(found)
            wait_until(is_decided, SELDOM_SECONDS if may_come else SECONDS, every=0.5)
        return found

    def _came(self, found: list[dict[str, Any]]) -> bool:
        """Whether a job has sent anything since the move."""
        return any(each["at"] > self.move.at for each in found)

    def _is_up_to_date(self, found: list[dict[str, Any]]) -> bool:
        """Whether the newest statement is from after the move and the restart, and fresh."""
        end = (last(found) + 1) * PERIOD
        return end > max(self.move.at, self.staying.restarted, self.place.now() - FRESH_SECONDS)

    def _late(self, found: list[dict[str, Any]]) -> float:
        """Return how late the oldest statement was of those that the job sent last; what was due before it could run counts from then."""
        newest = _newest(found)
        due = (min(each["period"] for each in newest) + 1) * PERIOD
        return float(newest[-1]["at"] - max(due, self.move.at, self.staying.restarted))

    def _require_none_twice(self, found: list[dict[str, Any]], first: int, facts: dict[str, str]) -> None:
        if not (period := twice(found, first)):
            return
        both = [each for each in found if each["period"] == period]
        apart = len({each["from"] for each in both}) > 1
        trial = any(each["total"] < len(ARCHIVE) for each in both)
        fail(
            f"The bookkeeper got two statements for the same ten seconds, {'from two places' if apart else 'twice from the same place'}: "
            "the job ran twice, or began with data that did not know what was sent.",
            seen=f"{clock(period * PERIOD)}: {len(both)} statements",
            evidence="; ".join(f"{each['total']} parcels, from {each['from']}" for each in both),
            hint=(
                "One of them knows fewer parcels than there were before today. Which container ran the job with data of its own, "
                "and until when? "
                if trial
                else "Until when did cron run the job on the old machine, and what did it write down after you had copied? "
                if apart
                else "Which containers ran the job, and did each write down in the database of the office what it had sent? "
            )
            + AGAIN,
            **facts,
        )

    def _require_up_to_date(self, found: list[dict[str, Any]], facts: dict[str, str]) -> None:
        since = f" since {clock((last(found) + 1) * PERIOD)}" if found else ""
        newest = found[-1]["at"] if found else 0.0
        why = "nobody runs the job, or its statements do not arrive."
        if newest > max(self.move.at, self.staying.restarted):
            why = f"the job ran, and has sent nothing for {self.place.now() - newest:.0f} s: it runs too seldom, or fails."
        elif self._came(found) and self.staying.restarted - newest < ENDED_SECONDS:
            why = "nobody has run the job after the restart of the rented engine."
        require(
            self._is_up_to_date(found),
            f"The bookkeeper got no statement{since}: {why}",
            seen=f"last statement: {clock(last(found) * PERIOD) if found else 'none'}",
            evidence="; ".join(f"{each.name}: {each.status}" for each in self.place.engine.containers()),
            hint="On the old machine cron ran tally.py. A container runs one program: which one runs the job, with which environment, "
            "and what does its log say?",
            **facts,
        )

    def _require_counted(self, found: list[dict[str, Any]], facts: dict[str, str]) -> None:
        newest = max(found, key=lambda each: int(each["period"]))
        # The office may take a few seconds to write down what it acknowledges.
        until = newest["period"] * PERIOD - 5
        least = len(ARCHIVE) + sum(each["end"] < until for each in self.move.record().acknowledged("parcel"))
        require(
            newest["total"] >= least,
            f"The newest statement counts {newest['total']} parcels, and {least} were registered by then: the job counts in another "
            "database than the office writes to.",
            seen=f"{clock(newest['period'] * PERIOD)}: {newest['total']} parcels",
            hint="Which volume does the container of the job have?",
            **facts,
        )


def _newest(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the statements that the job sent last, in one run."""
    return [each for each in statements if each["at"] > statements[-1]["at"] - TOGETHER_SECONDS]


def last(statements: list[dict[str, Any]]) -> int:
    """Return the last period that has a statement; -1 if none has."""
    return max((each["period"] for each in statements), default=-1)


def twice(statements: list[dict[str, Any]], first: int) -> int:
    """Return the first period from a certain one on that has two statements; 0 if none has."""
    count = Counter(each["period"] for each in statements if each["period"] >= first)
    return min((period for period, times in count.items() if times > 1), default=0)
