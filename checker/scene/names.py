"""Names that a scene needs and that something has which no lab made, read from what Compose says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.course.catalogue import Lab

WAYS = {"container": "docker rename {0} mine-{0}", "network": "docker network rm {0}"}
"""What frees a name, for each kind of thing."""

_TAKEN = (
    (re.compile(r'container name "?/?([\w.-]+)"? is already in use'), "container"),
    (re.compile(r"network (\S+) was found but has incorrect label"), "network"),
)


def trouble(said: str, lab: Lab) -> LabError | None:
    """Return the error for a scene that did not start because a name is taken; None if it is something else.

    Args:
        said: what Compose printed.
        lab: the lab.
    """
    for pattern, kind in _TAKEN:
        if taken := pattern.search(said):
            name = taken[1]
            return LabError(
                f"Lab {lab.number} needs the name of a {kind} that no lab made: `{name}`.",
                remedy=f"Rename or remove it (`{WAYS[kind].format(name)}`), then start the lab again.",
                detail=said.strip().splitlines()[-1],
            )
    return None
