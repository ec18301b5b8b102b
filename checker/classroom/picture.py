"""The picture of a class that its board shows: who is where, who is stuck, which causes are common, and the pace; in memory."""

from __future__ import annotations

import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checker.classroom import names
from checker.classroom.board_records import Cause, Cell, Pace, Row, Summary
from checker.classroom.protocol import Item, ItemKind
from checker.classroom.roster import NotThisClassError
from checker.results import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from checker.classroom.known import Known, Mistake

STUCK_SECONDS = 300.0
"""How long the same check may fail before the learner counts as stuck."""

STUCK_TRIES = 4
"""How many times in a row."""

SILENT_SECONDS = 180.0
"""After how many seconds in which a learner's machine sends nothing it counts as silent."""

PACE_SECONDS = 600.0
"""Over how long the pace is measured."""

READY_SHARE = 0.8
"""What share of the class is waited for in the forecast."""

MOST_MISTAKES = 1000
"""For how many failures the board keeps which mistake they are known as."""

FAILURES = {Status.FAILED, Status.VIOLATED}


@dataclass
class Standing:
    """One learner, as the board knows them."""

    id: str
    name: str
    seen: float
    labs: dict[str, dict[str, Status]] = field(default_factory=dict)
    lab: str = ""
    hints: int = 0
    tries: int = 0
    check: str = ""
    """The first check that fails."""
    reason: str = ""
    said: str = ""
    known: str = ""
    """The name of the mistake that their machine takes it for."""
    in_a_row: int = 0
    since: float = 0.0
    """Since when the same check fails."""
    same_reason: int = 0
    """How many times up to now the same check failed for the same reason."""
    hand: float = 0.0
    """Since when the learner asks for help; 0 if not."""
    error: str = ""
    """Why a check could not run, or was not taken by the class, which is not the learner's fault."""
    version: int = 0
    cells: tuple[Cell, ...] = ()
    """What follows from `labs` and `lab`, kept because the board asks for it more often than it changes; so are these:"""
    passed: int = 0
    step: int = 0
    is_done: bool = False


class Picture:
    """What the board shows, kept up to date item by item.

    Args:
        labs: what is known of each lab.
        clock: the teacher's clock, in seconds.
    """

    def __init__(self, labs: Mapping[str, Known], clock: Callable[[], float] = time.time) -> None:
        self._labs = labs
        self._clock = clock
        self._people: dict[str, Standing] = {}
        self._through: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
        self._mistakes: dict[tuple[str, str, str, str], Mistake | None] = {}
        self.version = 0

    # -- changes -------------------------------------------------------------------------------------------

    def joins(self, who: str, name: str, at: float | None = None) -> None:
        """Note a learner who joined; one who is there already stays as they are."""
        if who not in self._people:
            self._people[who] = Standing(who, name, self._clock() if at is None else at)
        self._touch(self._people[who])

    def hears(self, who: str) -> None:
        """Note that a learner's machine has sent something."""
        if person := self._people.get(who):
            was_silent = self._stuck(person)[0] == "silent"
            person.seen = self._clock()
            if was_silent:
                self._touch(person)

    def refuses(self, who: str, why: str) -> None:
        """Note that what a learner's machine sent was not taken; the next verdict that is taken ends this.

        Args:
            who: the learner's id.
            why: for the teacher to read.
        """
        if person := self._people.get(who):
            person.seen = self._clock()
            person.error = f"What this machine sends is not taken. {names.plain(why, 200)}"
            self._touch(person)

    def require_known(self, item: Item) -> None:
        """Refuse an item that names what this course does not have.

        Raises:
            NotThisClassError: the lab, one of its checks, or the version of the lab is unknown (422).
        """
        if item.kind is ItemKind.HAND:
            return
        lab = self._labs.get(item.lab)
        if lab is None:
            raise NotThisClassError(422, f"This course has no lab {names.plain(item.lab, 40)}.")
        if item.kind is ItemKind.VERDICT:
            if item.course != lab.digest:
                raise NotThisClassError(422, f"Lab {lab.slug[:2]} is another version here.")
            unknown = [check.id for check in item.checks if check.id not in lab.checks]
        else:
            unknown = [item.check] if item.check not in lab.checks else []
        if unknown:
            raise NotThisClassError(422, f"Lab {lab.slug[:2]} has no check {names.plain(unknown[0], 40)}.")

    def add(self, who: str, item: Item, at: float | None = None) -> None:
        """Take up what happened at a learner's.

        Args:
            who: the learner's id.
            item: what happened; it was looked at before.
            at: when, by the teacher's clock.
        """
        person = self._people.get(who)
        if person is None:
            return
        moment = self._clock() if at is None else at
        person.seen = max(person.seen, moment)
        if item.kind is ItemKind.HAND:
            person.hand = (person.hand or moment) if item.up else 0.0
        elif item.kind is ItemKind.HINT:
            person.hints += 1
        elif item.lab in self._labs:
            self._verdict(person, item, moment)
        self._touch(person)

    def _touch(self, person: Standing) -> None:
        self.version += 1
        person.version = self.version

    def _verdict(self, person: Standing, item: Item, moment: float) -> None:
        person.tries += 1
        before = person.lab, person.labs.get(item.lab)
        person.lab = item.lab
        person.labs[item.lab] = (before[1] or {}) | {check.id: check.state for check in item.checks}
        if (person.lab, person.labs[item.lab]) != before:
            self._count(person)
        for cell in person.cells:
            if cell.lab == item.lab and cell.state == "done":
                self._through[cell.lab, cell.step].setdefault(person.id, moment)
        errors = [check for check in item.checks if check.state is Status.COULD_NOT_RUN]
        person.error = names.plain(errors[0].said, 300) if errors else ""
        failed = next((check for check in item.checks if check.state in FAILURES), None)
        if failed is None:
            person.check = person.reason = person.said = person.known = ""
            person.in_a_row = person.same_reason = 0
            return
        same = failed.id == person.check
        person.in_a_row = person.in_a_row + 1 if same else 1
        person.since = person.since if same else moment
        person.same_reason = person.same_reason + 1 if same and failed.reason == person.reason else 1
        person.check, person.reason = failed.id, names.plain(failed.reason, 200)
        person.said = names.plain(failed.said, 600)
        person.known = failed.known

    def _count(self, person: Standing) -> None:
        """Count again what follows from how a learner's checks stand."""
        lab, states = self._labs[person.lab], person.labs[person.lab]
        missing = next((check for check in lab.checks if states.get(check) is not Status.PASSED), None)
        person.step = len(lab.step_titles) if missing is None else lab.steps[missing]
        person.is_done = missing is None
        person.passed = sum(state is Status.PASSED for state in states.values())
        person.cells = self._cells(person)

    # -- questions -----------------------------------------------------------------------------------------

    def rows(self, since: int = 0) -> list[Row]:
        """Return the learners who changed after a version, and those who need help, in the order of their names.

        That somebody needs help, and for how long, changes with time alone.
        """
        people = [each for each in self._people.values() if each.version > since or self._stuck(each)[0]]
        people.sort(key=lambda each: (each.name.casefold(), each.id))
        return [self._row(each) for each in people]

    def _row(self, person: Standing) -> Row:
        lab = self._labs.get(person.lab)
        why, since = self._stuck(person)
        return Row(
            id=person.id,
            name=person.name,
            lab=person.lab,
            step=person.step,
            passed=person.passed,
            checks=len(lab.checks) if lab else 0,
            cells=person.cells,
            tries=person.tries,
            hints=person.hints,
            seen_s=round(self._clock() - person.seen, 1),
            why=why,
            stuck_s=round(self._clock() - since, 1) if why else 0.0,
            check=person.check,
            said=person.error or person.said,
            in_a_row=person.in_a_row,
            same_reason=person.same_reason,
        )

    def _cells(self, person: Standing) -> tuple[Cell, ...]:
        found = []
        for slug in sorted(person.labs):
            lab, states = self._labs[slug], person.labs[slug]
            for step in range(1, len(lab.step_titles) + 1):
                own = [states.get(check) for check in lab.checks if lab.steps[check] == step]
                found.append(Cell(lab=slug, step=step, state=_cell(own)))
        return tuple(found)

    def _stuck(self, person: Standing) -> tuple[str, float]:
        now = self._clock()
        if person.hand:
            return "asks for help", person.hand
        if person.error:
            return "environment error", person.seen
        long = now - person.since > STUCK_SECONDS or person.in_a_row >= STUCK_TRIES
        if person.check and long:
            return "same check", person.since
        if now - person.seen > SILENT_SECONDS and not person.is_done:
            return "silent", person.seen
        return "", 0.0

    def stuck(self) -> list[str]:
        """Return the ids of those who need help, hands first, then the longest."""
        found = []
        for person in self._people.values():
            why, since = self._stuck(person)
            if why:
                found.append((why != "asks for help", since, person.name, person.id))
        return [each[-1] for each in sorted(found)]

    def causes(self) -> list[Cause]:
        """Return the causes of the failures that stand now, the most frequent first."""
        groups: dict[tuple[str, str, str], list[Standing]] = defaultdict(list)
        for person in self._people.values():
            if person.check:
                groups[person.lab, person.check, person.reason].append(person)
        found = [self._cause(key, people) for key, people in groups.items()]
        return sorted(found, key=lambda each: (-len(each.learners), each.lab, each.check, each.reason))

    def _cause(self, key: tuple[str, str, str], people: list[Standing]) -> Cause:
        slug, check, reason = key
        lab = self._labs[slug]
        # Of the texts, the one that most of them read: names and numbers in it differ.
        said = Counter(person.said for person in people).most_common(1)[0][0]
        known = Counter(person.known for person in people).most_common(1)[0][0]
        mistake = self._mistake(slug, check, said, known)
        return Cause(
            lab=slug,
            check=check,
            reason=reason,
            learners=tuple(sorted(person.id for person in people)),
            said=said,
            known_as=mistake.title if mistake else "",
            misconception=mistake.misconception if mistake else "",
            section=lab.section,
            step=lab.step_titles[lab.steps[check] - 1] if lab.steps.get(check) else "",
        )

    def _mistake(self, slug: str, check: str, said: str, known: str) -> Mistake | None:
        key = (slug, check, said, known)
        if key not in self._mistakes:
            if len(self._mistakes) >= MOST_MISTAKES:
                self._mistakes.clear()
            self._mistakes[key] = self._labs[slug].mistake(check, said, known)
        return self._mistakes[key]

    def pace(self) -> list[Pace]:
        """Return, for each step that somebody works on, how many are through and when most will be."""
        now, total = self._clock(), len(self._people)
        found = []
        for slug in sorted({person.lab for person in self._people.values() if person.lab}):
            for step in range(1, len(self._labs[slug].step_titles) + 1):
                through = self._through[slug, step]
                recent = sum(now - moment <= PACE_SECONDS for moment in through.values())
                missing = max(0.0, READY_SHARE * total - len(through))
                minutes = missing / recent * PACE_SECONDS / 60 if recent else None
                found.append(
                    Pace(
                        lab=slug,
                        step=step,
                        done=len(through),
                        of=total,
                        minutes=0.0 if not missing else round(minutes, 1) if minutes is not None else None,
                    )
                )
        return found

    def summary(self) -> Summary:
        """Return the class in one line."""
        people = list(self._people.values())
        places = [float(person.lab[:2]) + person.step / 100 for person in people if person.lab]
        middle = statistics.median_low(places) if places else 0.0
        whys = Counter(self._stuck(person)[0] for person in people)
        return Summary(
            joined=len(people),
            active=sum(self._clock() - person.seen <= SILENT_SECONDS for person in people),
            stuck=sum(count for why, count in whys.items() if why),
            hands=whys["asks for help"],
            errors=whys["environment error"],
            median=f"{int(middle)}.{round(middle % 1 * 100)}" if places else "",
            done=sum(person.is_done for person in people),
        )

    def of(self, who: str) -> dict[str, int]:
        """Return how many checks passed for a learner, by lab."""
        person = self._people.get(who)
        labs = person.labs if person else {}
        return {
            slug: sum(state is Status.PASSED for state in states.values()) for slug, states in labs.items()
        }


def _cell(states: list[Status | None]) -> str:
    if states and all(state is Status.PASSED for state in states):
        return "done"
    if any(state is Status.COULD_NOT_RUN for state in states):
        return "error"
    if any(state in FAILURES for state in states if state):
        return "failing"
    # A check that waits for another one says nothing of its own step.
    return "working" if any(state and state is not Status.NOT_RUN for state in states) else "not begun"
