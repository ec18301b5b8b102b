"""Runs every probe side by side and returns the findings in the order they are shown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from checker.doctor import (
    course,
    engine,
    inside,
    leftovers,
    network,
    node,
    registry,
    resources,
    settings,
    virtual,
)
from checker.doctor.finding import Finding, Mark, Probe, Seen, problem, unknown
from checker.doctor.machine import Machine, look
from checker.engine.platform import Platform
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.course.places import Places

PROBES: tuple[Probe, ...] = (
    *engine.PROBES,
    *settings.PROBES,
    *resources.PROBES,
    *network.MACHINE,
    *inside.PROBES,
    *network.CONTAINERS,
    *registry.PROBES,
    *node.PROBES,
    *virtual.PROBES,
    *course.PROBES,
    *leftovers.PROBES,
)


def examine(places: Places, platform: Platform | None = None) -> list[Finding]:
    """Look at the machine and return what was found; nothing is changed, nothing is pulled."""
    return ask(look(platform or Platform(), places))


def ask(machine: Machine, probes: Sequence[Probe] = PROBES) -> list[Finding]:
    """Run probes on what is known of a machine; they wait for each other only to be shown in order.

    An interruption waits for the probes that run, so that what they made is removed.
    """
    with ThreadPoolExecutor(max_workers=len(probes)) as pool:
        answers = pool.map(lambda probe: _try(probe, machine), probes)
        return [
            finding for probe, seen in zip(probes, answers, strict=True) for finding in probe.findings(seen)
        ]


def _try(probe: Probe, machine: Machine) -> tuple[Seen, ...]:
    count = len(probe.parts)
    if (probe.needs_engine or probe.needs_image) and machine.engine is None:
        return (unknown("no engine to ask"),) * count
    if probe.needs_image and not machine.image:
        return (unknown("known only after images are built (lab images build)"),) * count
    try:
        return probe.look(machine)
    except LabError as error:
        return (problem(str(error), error.remedy or "Try again."),) + (unknown("see above"),) * (count - 1)


def stops_a_lab(findings: Sequence[Finding]) -> bool:
    """Whether anything found would stop a lab."""
    return any(finding.mark is Mark.PROBLEM for finding in findings)
