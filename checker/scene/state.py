"""The state of a lab's scene as the engine knows it: which services it has, and whether all that must run does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.engine.api import COMPOSE_SERVICE
from checker.errors import LabError
from checker.scene.holder import PROOF, require_own
from checker.scene.ownership import scene_containers

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

MAY_FAIL = "io.drydock.may-fail"
"""The label of a service that may be killed: its scene can continue without it."""


def services(engine: Engine, lab: Lab) -> dict[str, str]:
    """Return the state of each service of a lab's scene; empty when it is not started."""
    found = scene_containers(engine, lab)
    return {item["Labels"].get(COMPOSE_SERVICE, ""): item["State"] for item in found}


def require_running(engine: Engine, lab: Lab) -> None:
    """Refuse when a lab's scene does not run.

    Raises:
        LabError: it is not started, part of it does not run, or another checkout or person started it.
    """
    found = scene_containers(engine, lab)
    number = int(lab.number)
    if not found:
        raise LabError(f"Lab {lab.number} is not started.", remedy=f"Start it: lab start {number}")
    require_own(engine, lab, scene=found)
    if any(item["Labels"].get(PROOF) for item in found):
        raise LabError(
            f"The containers of lab {lab.number} are not yours: `lab verify` started them, and is still running or was interrupted.",
            remedy=f"`lab start {number}` removes what is left of it and starts the lab.",
        )
    # A node that can be lost may be down: what happens then is what such a lab is about.
    down = [
        f"{item['Labels'].get(COMPOSE_SERVICE, '')} ({item['State']})"
        for item in found
        if item["State"] != "running" and MAY_FAIL not in item["Labels"]
    ]
    if down:
        raise LabError(
            f"Part of lab {lab.number} is not running: {', '.join(down)}.",
            remedy=f"`lab start {number}` repairs it and keeps your work.",
        )
