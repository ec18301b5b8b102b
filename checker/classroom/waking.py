"""Wakes the process that sends to the class: after a reboot of a learner's machine, nobody else would."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.course.places import Places

FILE = "class.sqlite3"
"""The file in the state folder with what is to be sent; a machine that was never in a class has none."""


def wake(places: Places) -> None:
    """Start the process if this machine is in a class, and do not wait for it. A lab never fails because of it.

    Args:
        places: of this machine.
    """
    if not (places.state / FILE).is_file():
        return
    from checker.classroom import sender  # noqa: PLC0415 - only a machine that was in a class pays for it
    from checker.classroom.outbox import Outbox  # noqa: PLC0415

    with contextlib.suppress(LabError, OSError, sqlite3.Error):
        with contextlib.closing(Outbox(places.state)) as outbox:
            if outbox.membership() is None:
                return
        sender.start(places, wait=False)
