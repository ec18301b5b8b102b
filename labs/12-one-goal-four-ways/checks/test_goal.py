"""Lab 12: one goal, reached by two ways, and what each cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import needs, timeout

from .comparison import compared
from .complaints import in_vain
from .goal import COPIES, WANTED
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
        _tell_of_others(ways)
        WHY.fail(
            "no-way",
            ways=" nor ".join(_by(way) for way in ways.all),
            source="; ".join(way.first for way in ways.all),
            seen="none",
        )
    _require_serving(ways, goal, ways.used[0])


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
        _tell_of_others(ways)
        source = " and ".join(f"curl {way.shown}" for way in ways.all if way is not first)
        WHY.fail("one-way-alone", way=first.title, source=source, seen=f"Parcel {_by(first)} alone")
    _require_serving(ways, goal, others[0])


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


def _require_serving(ways: Ways, goal: Goal, way: Way) -> None:
    """Require that a way serves; a copy by hand that is on no host has perhaps been sent there by mistake."""
    number = len(way.cluster.instances()) if way.key == "hand" else WANTED
    if number < WANTED and (strays := ways.strays()):
        place, name = strays[0]
        own = place not in {node for each in ways.all for node in each.machines}
        WHY.fail(
            "beside-the-hosts",
            number=number,
            place=place,
            name=name,
            default="node-1" if any(each.key == "swarm" for each in ways.all) else "your own machine",
            source=f"docker --host {'unix:///var/run/docker.sock' if own else f'tcp://{place}:2375'} ps",
            seen=", ".join(f"{each} on {where}" for where, each in strays),
        )
    goal.serves(way)
    ways.note_served(way)


def _tell_of_others(ways: Ways) -> None:
    """End the check when Parcel runs without a way, or a way was told to run something else."""
    unused = [way for way in ways.all if way not in ways.used]
    by_hand = any(way.key == "hand" for way in unused)
    for way in unused:
        if loose := way.loose():
            node, name = loose[0]
            WHY.fail(
                "nothing-behind-it.or-by-hand" if by_hand and node == way.decider else "nothing-behind-it",
                node=node,
                name=name,
                way=way.title,
                wanted="a job" if way.key == "nomad" else "a service",
                source=way.first,
                seen=", ".join(f"{each} on {where}" for where, each in loose),
            )
        if what := in_vain(way.cluster):
            WHY.fail(
                "in-vain", way=way.title, what=what, copies=COPIES[way.key], source=way.first, seen="no copy"
            )
    if outside := ways.outside():
        WHY.fail("outside", name=outside[0], seen=f"{', '.join(outside)} on your own machine")
