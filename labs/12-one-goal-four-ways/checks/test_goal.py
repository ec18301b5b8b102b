"""Lab 12: one goal, reached by two ways, and what each cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail, needs, timeout

from .comparison import compared

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .goal import Goal
    from .ways import Way, Ways

SERVE_SECONDS = 40
LOSS_SECONDS = 260


@timeout(SERVE_SECONDS)
def test_first_serves(ways: Ways, goal: Goal) -> None:
    """One way: two copies on two machines, answering at one address."""
    if ways.first is None:
        _tell_of_loose(ways)
        fail(
            f"No way is in use: nothing runs Parcel, neither {' nor '.join(_by(way) for way in ways.all)}.",
            expected="two copies of Parcel on two machines",
            seen="none",
            source="; ".join(way.first for way in ways.all),
            hint="Lesson, “The words of each way”: each has a first command that runs one copy.",
        )
    goal.serves(ways.first)


@needs("first-serves")
@timeout(SERVE_SECONDS)
def test_first_updated(ways: Ways, goal: Goal) -> None:
    """It moved from 1.0 to 2.0 without a failed request."""
    goal.updated(_there(ways.first))


@needs("first-serves")
@timeout(LOSS_SECONDS)
def test_first_survives(ways: Ways, goal: Goal) -> None:
    """A machine was lost, and two copies run on the others."""
    goal.survives(_there(ways.first))


@needs("first-serves")
@timeout(SERVE_SECONDS)
def test_second_serves(ways: Ways, goal: Goal) -> None:
    """Another way: two copies on two machines, answering at one address."""
    if ways.second is None:
        _tell_of_loose(ways)
        first = _there(ways.first)
        fail(
            f"One way is in use: {first.title}. What the tool does, and what the goal asks for, can be told apart when "
            "another tool has reached the same goal.",
            expected="the same goal, reached by another way as well",
            seen=f"Parcel {_by(first)} alone",
            source=" and ".join(f"curl {way.shown}" for way in ways.all if way is not first),
            hint="The other way that you have chosen has machines of its own. Lesson, “The words of each way”.",
        )
    goal.serves(ways.second)


@needs("second-serves")
@timeout(SERVE_SECONDS)
def test_second_updated(ways: Ways, goal: Goal) -> None:
    """It moved from 1.0 to 2.0 without a failed request."""
    goal.updated(_there(ways.second))


@needs("second-serves")
@timeout(LOSS_SECONDS)
def test_second_survives(ways: Ways, goal: Goal) -> None:
    """A machine was lost, and two copies run on the others."""
    goal.survives(_there(ways.second))


@needs("first-survives", "second-survives")
@timeout(30)
def test_compared(lab: Lab, ways: Ways) -> None:
    """comparison.csv says what both came to."""
    compared(lab, (_there(ways.first), _there(ways.second)))


def _there(way: Way | None) -> Way:
    if way is None:
        fail("The way went away while it was judged.", hint="Check again.")
    return way


def _by(way: Way) -> str:
    return "by hand" if way.key == "hand" else f"on {way.title}"


def _tell_of_loose(ways: Ways) -> None:
    """End the check when a way's machines run Parcel without the way."""
    for way in ways.all:
        if way not in ways.used and (loose := way.loose()):
            node, name = loose[0]
            fail(
                f"Parcel runs on {node} as the container `{name}`, and nothing stands behind it. Started so, it is run by "
                f"hand, on {way.title}'s machines: the same way under another name.",
                expected=f"{'a job' if way.key == 'nomad' else 'a service'} of {way.title}",
                seen=", ".join(f"{each} on {where}" for where, each in loose),
                source=way.first,
                hint="Who starts it again when its node is lost? Lesson, “The words of each way”.",
            )
