"""Lab 12: one goal, reached by two ways, and what each cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import needs, timeout

from .comparison import compared
from .ways import WHY

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .goal import Goal
    from .ways import Way, Ways

SERVE_SECONDS = 60
LOSS_SECONDS = 260


@timeout(SERVE_SECONDS)
def test_first_serves(ways: Ways, goal: Goal) -> None:
    """One way: two copies on two machines, answering at one address."""
    if not ways.used:
        _tell_of_loose(ways)
        WHY.fail(
            "no-way",
            ways=" nor ".join(_by(way) for way in ways.all),
            source="; ".join(way.first for way in ways.all),
            seen="none",
        )
    goal.serves(ways.used[0])


@needs("first-serves")
@timeout(SERVE_SECONDS)
def test_first_updated(ways: Ways, goal: Goal) -> None:
    """It moved from 1.0 to 2.0 without a failed request."""
    goal.updated(ways.used[0])


@needs("first-serves")
@timeout(LOSS_SECONDS)
def test_first_survives(ways: Ways, goal: Goal) -> None:
    """A machine was lost, and two copies run on the others."""
    goal.survives(ways.used[0])


@needs("first-serves")
@timeout(SERVE_SECONDS)
def test_second_serves(ways: Ways, goal: Goal) -> None:
    """Another way: two copies on two machines, answering at one address."""
    first, *others = ways.used
    if not others:
        _tell_of_loose(ways)
        source = " and ".join(f"curl {way.shown}" for way in ways.all if way is not first)
        WHY.fail("one-way-alone", way=first.title, source=source, seen=f"Parcel {_by(first)} alone")
    goal.serves(others[0])


@needs("second-serves")
@timeout(SERVE_SECONDS)
def test_second_updated(ways: Ways, goal: Goal) -> None:
    """It moved from 1.0 to 2.0 without a failed request."""
    goal.updated(ways.used[1])


@needs("second-serves")
@timeout(LOSS_SECONDS)
def test_second_survives(ways: Ways, goal: Goal) -> None:
    """A machine was lost, and two copies run on the others."""
    goal.survives(ways.used[1])


@needs("first-survives", "second-survives")
@timeout(30)
def test_compared(lab: Lab, ways: Ways) -> None:
    """comparison.csv says what both came to."""
    compared(lab, (ways.used[0], ways.used[1]))


def _by(way: Way) -> str:
    return "by hand" if way.key == "hand" else f"on {way.title}"


def _tell_of_loose(ways: Ways) -> None:
    """End the check when a way's machines run Parcel without the way."""
    for way in ways.all:
        if way not in ways.used and (loose := way.loose()):
            node, name = loose[0]
            WHY.fail(
                "nothing-behind-it",
                node=node,
                name=name,
                way=way.title,
                wanted="a job" if way.key == "nomad" else "a service",
                source=way.first,
                seen=", ".join(f"{each} on {where}" for where, each in loose),
            )
