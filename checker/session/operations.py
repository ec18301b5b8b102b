"""The operations on a lab, each in one place. None prints or asks; progress goes to the session's `say`."""

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
    """How to start a lab.

    Args:
        ways: in a lab with several ways to its goal, the names of those to start; if empty, those chosen last.
        cluster: the learner's own cluster to use; if None, the one chosen before, or the lab's own.
        force: start it even if there is not enough memory or disk for it.
    """

    ways: tuple[str, ...] = ()
    cluster: Wish | None = None
    force: bool = False


@dataclass(frozen=True)
class Started:
    """A lab that is ready, and notes about this machine, one sentence each."""

    lab: Lab
    work: Path
    notes: tuple[str, ...]


def start(session: Session, lab: Lab, request: StartRequest | None = None) -> Started:
    """Start a lab's scene and wait until it is ready; if the lab is already running, start what has stopped.

    Raises:
        MisuseError: the lab has no such way.
        LabError: there is not enough room, an image is missing and cannot be made, a port or a name is in use, or a
            part does not become ready.
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
    """A lab at the start of a step, and the folder that the learner's files were moved to, if there were any."""

    lab: Lab
    step: int
    aside: Path | None
    notes: tuple[str, ...]


def reset(session: Session, lab: Lab, step: int = 1, *, force: bool = False) -> Reset:
    """Return a lab to the start of a step; first set the learner's files aside, and forget which hints were shown.

    Args:
        session: the course.
        lab: the lab.
        step: the step's number, from 1.
        force: do it even if there is not enough memory or disk for the lab.

    Raises:
        LabError: as for `start`; or the files cannot be set aside, and then nothing has changed.
    """
    lab = for_answer(session, lab, lab.step_answer(step))
    prepare(session, lab, force=force)
    # What was there is removed now: even if something fails later, these are the chosen ways.
    keep(session.places, lab)
    aside = session.scene(lab).reset(session.say, step)
    session.progress.forget_hints(lab.slug)
    return Reset(lab, step, aside, _notes(session, lab))


def solve(session: Session, lab: Lab, *, force: bool = False) -> Reset:
    """Replace the learner's answer with the lab's solution; the learner's files are set aside first.

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
    """A lab that was stopped, and what was removed."""

    lab: Lab
    removed: tuple[str, ...]


def stop(session: Session, lab: Lab, *, take: bool = False) -> Stopped:
    """Remove everything that carries the lab's label; the work folder stays.

    Args:
        session: the course.
        lab: the lab.
        take: do it even if another checkout or person started the lab.

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
        lab: a running lab.
        node: the node's name; if empty, a random node.

    Raises:
        LabError: the lab does not run, or has no such node.
    """
    from checker.scene import faults  # noqa: PLC0415 - few labs have nodes
    from checker.timeline.traffic import mark_all  # noqa: PLC0415

    require_started(session, lab)
    with session.scene(lab).lock("lose", session.say):
        chosen = faults.choose(session.engine, lab, node)
        # Mark it before it happens: no request that fails because of it must come before the mark.
        mark_all(session.engine, lab.project, f"{chosen.name} lost")
        faults.lose(session.engine, chosen)
    return Lost(lab, (chosen.name,), back=False)


def bring_back(session: Session, lab: Lab, node: str = "") -> Lost:
    """Start a lost node of a lab again, or every lost node if none is named, and mark the moment in its timelines.

    Raises:
        LabError: the lab does not run, or no such node is lost.
    """
    from checker.scene import faults  # noqa: PLC0415 - few labs have nodes
    from checker.timeline.traffic import mark_all  # noqa: PLC0415

    require_started(session, lab)
    with session.scene(lab).lock("lose", session.say):
        nodes = [faults.choose(session.engine, lab, node, running=False)]
        if not node:
            nodes = [each for each in faults.find_nodes(session.engine, lab) if not each.running]
        for each in nodes:
            session.say(f"bringing {each.name} back")
            faults.bring_back(session.engine, lab, each, session.say)
            mark_all(session.engine, lab.project, f"{each.name} back")
    return Lost(lab, tuple(each.name for each in nodes), back=True)


def _notes(session: Session, lab: Lab) -> tuple[str, ...]:
    """Return a started lab's notes about this machine; if they cannot be read, the lab stays started."""
    from checker.scene.adapted import notes  # noqa: PLC0415 - a learner's own cluster is rare

    scene = session.scene(lab)
    choice = scene.elsewhere
    try:
        return (*(notes(choice, lab) if choice else ()), *scene.notes(session.say))
    except LabError as error:
        return (f"{error.what} {error.remedy}".strip(),)
