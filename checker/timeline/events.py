"""Marks from the engine: when a lab's containers last stopped and last started, for any reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.engine.api import COMPOSE_SERVICE, ROLE, NotFoundError
from checker.engine.clock import moment
from checker.timeline.record import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.engine.api import Engine
    from checker.timeline.model import Timeline

SAME_SECONDS = 3.0
"""A mark within this time that names the container describes the same event, with better words."""


def with_events(timeline: Timeline, engine: Engine, containers: Iterable[dict[str, Any]]) -> Timeline:
    """Return a timeline with marks for the containers that stopped or started in its time.

    The engine remembers only the last stop and the last start of each container that still exists. The tools of
    the lab (toolbox, prober, the traffic itself) are left out, because they are not part of the task.
    """
    found = list(timeline.marks)
    for item in containers:
        labels = item.get("Labels") or {}
        if labels.get(ROLE) in {"toolbox", "prober", "checker"}:
            continue
        try:
            state = engine.inspect(item["Id"])["State"]
        except NotFoundError:
            continue
        name = labels.get(COMPOSE_SERVICE) or item["Names"][0].lstrip("/")
        for mark in marks_of(name, state):
            told = any(name in each.text and abs(each.at - mark.at) < SAME_SECONDS for each in timeline.marks)
            if timeline.begin < mark.at <= timeline.end and not told:
                found.append(mark)
    return timeline.with_marks(found)


def marks_of(name: str, state: dict[str, Any]) -> list[Mark]:
    """Return marks for a container's last stop and last start, from its state in the engine."""
    marks = []
    ended, started = moment(state.get("FinishedAt", "")), moment(state.get("StartedAt", ""))
    if ended:
        # A container that is running again no longer has an exit code.
        code = state.get("ExitCode") if not state.get("Running") else None
        how = "" if code is None else " (killed)" if code == 137 else f" (exit code {code})"
        marks.append(Mark(ended, f"{name} ended{how}"))
    if started:
        marks.append(Mark(started, f"{name} started"))
    return marks
