"""Opens the shells that the checks will want while they are being read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.grading.author import in_parallel

if TYPE_CHECKING:
    from checker.grading.author import Lab


def early(lab: Lab) -> None:
    """Open a shell in the toolbox, the recorder, and the traffic's container."""

    def open_shell(service: str) -> None:
        with suppress(LabError):
            lab.node(service).open_shell()

    in_parallel(open_shell, ["toolbox", "recorder", "traffic"])
