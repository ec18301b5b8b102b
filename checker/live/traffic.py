"""The record of a lab's traffic, counted in slices of time, as a page draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.live.state import shown
from checker.session.session import silent

if TYPE_CHECKING:
    from checker.live.service import Service
    from checker.timeline.model import Timeline

SECONDS = 90.0
"""How far back a page looks: a rollout and what was before it."""

SLICES = 90
"""How many slices that is cut into; one of them is a few pixels wide."""


def record_of(service: Service, number: str) -> dict[str, Any]:
    """Return a lab's traffic of the last minute and a half, for each service of the lab that has traffic.

    Raises:
        LabError: the lab does not run, or has no traffic.
    """
    from checker.session.looking import timeline_of  # noqa: PLC0415 - few labs have traffic
    from checker.timeline.traffic import find_all  # noqa: PLC0415

    session = service.new_session(silent)
    lab = session.catalogue.find(service.find(number).slug)
    names = sorted(find_all(session.engine, lab.project))
    found = [drawn(name, timeline_of(session, lab, name=name, seconds=SECONDS)) for name in names]
    return {"lab": number, "traffics": found}


def drawn(name: str, timeline: Timeline) -> dict[str, Any]:
    """Return a timeline as slices: how many requests each version answered in it, and how many failed.

    Args:
        name: whose requests.
        timeline: the record.
    """
    versions = list(timeline.versions)
    width = SECONDS / SLICES
    begin = timeline.end - SECONDS
    answered = [[0] * SLICES for _ in versions]
    failed = [0] * SLICES
    for request in timeline.requests:
        at = min(max(int((request.at - begin) / width), 0), SLICES - 1)
        if request.good and request.version in versions:
            answered[versions.index(request.version)][at] += 1
        elif not request.good:
            failed[at] += 1
    return {
        "name": name,
        "seconds": SECONDS,
        "end": timeline.end,
        "versions": [shown(version) for version in versions],
        "answered": answered,
        "failed": failed,
        "marks": [{"at": round(mark.at - begin, 2), "text": shown(mark.text)} for mark in timeline.marks],
        "summary": timeline.summary,
    }
