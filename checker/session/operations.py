"""The operations on a lab, each told once. None prints or asks; progress goes to the session's `say`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.course.choice import keep
from checker.errors import LabError
from checker.session.preparing import for_answer, prepare, require_started

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.scene.chosen import Wish
    from checker.session.session import Session


@dataclass(frozen=True)
class StartRequest:
    """How a lab is to be started.

    Args:
        ways: in a lab with several ways to its goal, the names of those to start; the last choice when empty.
        cluster: a cluster of the learner's own to use; the one chosen before, or the lab's own, when None.
        force: start it even if its memory or disk does not fit beside what runs.
    """

    ways: tuple[str, ...] = ()
    cluster: Wish | None = None
    force: bool = False


@dataclass(frozen=True)
class Started:
    """A lab that is ready, and what there is to say about this machine, one sentence each."""

    lab: Lab
    work: Path
    notes: tuple[str, ...]


def start(session: Session, lab: Lab, request: StartRequest | None = None) -> Started:
    """Start a lab's scene and wait until it is ready; of a lab that runs, start what has stopped.

    Raises:
        MisuseError: the lab has no such way.
        LabError: it does not fit, an image cannot be had, a port or a name is taken, or a part does not get ready.
    """
    wanted = request or StartRequest()
    if wanted.ways:
        lab = lab.choosing(wanted.ways)
    prepare(session, lab, force=wanted.force)
    scene = session.scene(lab)
    scene.start(session.say, wanted.cluster)
    keep(session.places, lab)
    return Started(lab, scene.work, _notes(session, lab))


@dataclass(frozen=True)
class Reset:
    """A lab that is where a step begins, and where the learner's files were set aside, if there were any."""

    lab: Lab
    step: int
    aside: Path | None
    notes: tuple[str, ...]


def reset(session: Session, lab: Lab, step: int = 1, *, force: bool = False) -> Reset:
    """Put a lab where one of its steps begins; the learner's files are set aside first, and hints begin again.

    Args:
        session: the course.
        lab: the lab.
        step: the step's number, from 1.
        force: do it even if the lab does not fit beside what runs.

    Raises:
        LabError: as for `start`; or the files cannot be set aside, and nothing was changed then.
    """
    lab = for_answer(session, lab, lab.step_answer(step))
    prepare(session, lab, force=force)
    # What was there goes now: whatever comes after, these are the ways that stand.
    keep(session.places, lab)
    aside = session.scene(lab).reset(session.say, step)
    session.progress.forget_hints(lab.slug)
    return Reset(lab, step, aside, _notes(session, lab))


def solve(session: Session, lab: Lab, *, force: bool = False) -> Reset:
    """Put a worked answer in place of the learner's, whose files are set aside first.

    Raises:
        LabError: as for `reset`; or the answer's script failed.
    """
    answer = lab.solution
    done = reset(session, for_answer(session, lab, answer), force=force)
    session.say("applying the answer")
    session.scene(done.lab).apply(answer)
    session.progress.record_solution(lab.slug)
    return done


@dataclass(frozen=True)
class Stopped:
    """A lab that does not run, and what was removed."""

    lab: Lab
    removed: tuple[str, ...]


def stop(session: Session, lab: Lab, *, take: bool = False) -> Stopped:
    """Remove everything that carries the lab's label; the work folder stays.

    Args:
        session: the course.
        lab: the lab.
        take: do so even if another checkout or person started it.

    Raises:
        HeldError: another checkout or person started it.
    """
    return Stopped(lab, tuple(session.scene(lab).stop(take=take)))


@dataclass(frozen=True)
class Lost:
    """Nodes that were killed, or brought back."""

    lab: Lab
    nodes: tuple[str, ...]
    back: bool


def lose(session: Session, lab: Lab, node: str = "") -> Lost:
    """Kill one node of a lab, and mark the moment in its timelines.

    Args:
        session: the course.
        lab: the lab, which runs.
        node: the node's name; a random one when empty.

    Raises:
        LabError: the lab does not run, or has no such node.
    """
    from checker.scene import loss  # noqa: PLC0415 - few labs have nodes
    from checker.timeline.traffic import mark_all  # noqa: PLC0415

    require_started(session, lab)
    with session.scene(lab).lock("lose", session.say):
        chosen = loss.choose(session.engine, lab, node)
        # Before it happens: what fails because of it must not come before its mark.
        mark_all(session.engine, lab.project, f"{chosen.name} lost")
        loss.lose(session.engine, chosen)
    return Lost(lab, (chosen.name,), back=False)


def bring_back(session: Session, lab: Lab, node: str = "") -> Lost:
    """Start a lost node of a lab again, every lost one when none is named, and mark the moment in its timelines.

    Raises:
        LabError: the lab does not run, or no such node is lost.
    """
    from checker.scene import loss  # noqa: PLC0415 - few labs have nodes
    from checker.timeline.traffic import mark_all  # noqa: PLC0415

    require_started(session, lab)
    with session.scene(lab).lock("lose", session.say):
        nodes = [loss.choose(session.engine, lab, node, running=False)]
        if not node:
            nodes = [each for each in loss.find_nodes(session.engine, lab) if not each.running]
        for each in nodes:
            session.say(f"bringing {each.name} back")
            loss.bring_back(session.engine, lab, each, session.say)
            mark_all(session.engine, lab.project, f"{each.name} back")
    return Lost(lab, tuple(each.name for each in nodes), back=True)


def _notes(session: Session, lab: Lab) -> tuple[str, ...]:
    """Return what a started lab has to say about this machine; a look that fails does not undo the start."""
    from checker.scene.adapted import told  # noqa: PLC0415 - a learner's own cluster is rare

    scene = session.scene(lab)
    choice = scene.elsewhere
    try:
        return (*(told(choice, lab) if choice else ()), *scene.notes(session.say))
    except LabError as error:
        return (f"{error.what} {error.remedy}".strip(),)
