"""The record of a lab's traffic, as a timeline with what the engine knows of the lab's containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.errors import MisuseError
from checker.session.preparing import require_started

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.session.session import Session
    from checker.timeline.model import Timeline


def timeline_of(session: Session, lab: Lab, *, name: str = "", seconds: float | None = None) -> Timeline:
    """Return the results of the requests to a lab's service, with marks for what its containers did.

    Args:
        session: the course.
        lab: the lab, which runs.
        name: whose requests, in a lab with several services to compare.
        seconds: how far back; None for everything.

    Raises:
        MisuseError: the lab has no traffic, or none of that name, or several and none is named.
        LabError: the lab does not run, or its record cannot be read.
    """
    from checker.engine.shell import Shell  # noqa: PLC0415 - few labs have traffic
    from checker.scene.ownership import owned_containers  # noqa: PLC0415
    from checker.timeline.events import with_events  # noqa: PLC0415
    from checker.timeline.traffic import Traffic, find_all  # noqa: PLC0415

    require_started(session, lab)
    found = find_all(session.engine, lab.project)
    with Shell(session.engine, found[choose(lab, sorted(found), name)]["Id"]) as shell:
        timeline = Traffic(shell).everything(0.0)
    if seconds is not None:
        timeline = timeline.since(timeline.end - seconds)
    return with_events(timeline, session.engine, owned_containers(session.engine, lab))


def choose(lab: Lab, names: list[str], name: str) -> str:
    """Return the name of the traffic that is meant: the one that is named, or the only one.

    Raises:
        MisuseError: there is none, or none of that name, or there are several and none is named.
    """
    if not names:
        raise MisuseError(
            f"Lab {lab.number} has no traffic, so there is nothing to draw.",
            remedy="The labs with traffic are those that roll out a new version or lose a host.",
        )
    if name in names:
        return name
    if not name and len(names) == 1:
        return names[0]
    if names == [""]:
        raise MisuseError(
            f"Lab {lab.number} has only one service, so there is no {name} to choose.",
            remedy=f"Leave --of out: lab timeline {int(lab.number)}",
        )
    listed = ", ".join(each for each in names if each)
    raise MisuseError(
        f"Lab {lab.number} has no traffic named {name}."
        if name
        else f"Lab {lab.number} has several services.",
        remedy=f"Name one of {listed}: lab timeline {int(lab.number)} --of {names[-1]}",
    )
