"""The process on a learner's machine that tells the class what happens; it ends when the machine leaves the class."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from checker import background
from checker.classroom.calling import keep_posting
from checker.classroom.known import know
from checker.classroom.outbox import Outbox
from checker.course.catalogue import Catalogue
from checker.course.places import environment_for, find
from checker.errors import LabError
from checker.scene.locks import locked

if TYPE_CHECKING:
    from checker.course.places import Places

LOCK = "class-sender.lock"
LOG = "class-sender.log"
LOCK_SECONDS = 5.0
HOME = Path(__file__).resolve().parents[2]


def is_running(places: Places) -> bool:
    """Whether the process runs already for this state folder."""
    try:
        with locked(places.state / LOCK, "looking for the sender"):
            return False
    except LabError:
        return True


def start(places: Places, *, wait: bool = True) -> bool:
    """Start the process in the background unless it runs; return whether it runs now.

    Args:
        places: of this machine.
        wait: whether to wait until it is ready, and not only until it was started.
    """
    if is_running(places):
        return True
    return bool(
        background.start(
            [sys.executable, "-m", "checker.classroom.sender"],
            folder=HOME,
            environment=environment_for(places),
            log=places.state / LOG,
            ready=lambda _: not wait or is_running(places) or None,
        )
    )


def has_left(outbox: Outbox) -> bool:
    """Whether the machine has left its class; not while the queue cannot be read, as on a disk that is full."""
    try:
        return outbox.membership() is None
    except sqlite3.Error:
        return False


def main() -> None:
    """Post until the machine leaves the class."""
    places = find()
    catalogue = Catalogue(places)
    over = threading.Event()
    try:
        with (
            # `is_running` holds the lock for a moment to see whether it is free.
            locked(places.state / LOCK, "the sender of a class", wait=LOCK_SECONDS),
            contextlib.closing(Outbox(places.state)) as outbox,
        ):

            def wait(seconds: float) -> bool:
                return over.wait(seconds) or has_left(outbox)

            keep_posting(outbox, lambda: outbox.collect(lambda: know(catalogue)), wait)
    except LabError as error:
        print(f"{error.what} {error.remedy}", file=sys.stderr)


if __name__ == "__main__":
    main()
