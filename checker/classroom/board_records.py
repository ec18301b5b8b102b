"""The records that a class's board shows: a row for each learner, their cells, the causes of failures, the pace and the counts."""

from __future__ import annotations

import msgspec


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A learner's state in one step of one lab."""

    lab: str
    step: int
    state: str
    """`done`, `working`, `failing`, `error`, or `not begun`."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A learner on the board."""

    id: str
    name: str
    lab: str
    step: int
    passed: int
    checks: int
    cells: tuple[Cell, ...]
    tries: int
    hints: int
    seen_s: float
    why: str
    """Why they are stuck: `asks for help`, `environment error`, `same check`, `silent`; empty if they are not."""
    stuck_s: float
    check: str
    said: str
    in_a_row: int = 0
    """How many times in a row that check has failed."""
    same_reason: int = 0
    """How many times up to now for the same reason: a learner who tries the same again."""
    evidence: str = "claimed"
    """Everything on a board is what the learner's machine says."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One cause of failures, over the whole class."""

    lab: str
    check: str
    reason: str
    learners: tuple[str, ...]
    said: str
    known_as: str
    misconception: str
    section: str
    step: str


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """May the class move on from a step?"""

    lab: str
    step: int
    done: int
    of: int
    minutes: float | None
    """Until 80 % are through, at the pace of the last ten minutes; None if nobody got through in them."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The class in one line: counts only, so that it can be shown to everybody."""

    joined: int
    active: int
    stuck: int
    hands: int
    errors: int
    median: str
    done: int
