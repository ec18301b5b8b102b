"""Lets a verdict end early: its waits and its next check stop once something has changed meanwhile."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_current = threading.local()


class Outdated(BaseException):
    """Something has changed, so what this check finds is of no use. Not an Exception, for the reason of DeadlineError."""

    def __init__(self) -> None:
        super().__init__("something has changed since this verdict began")


@contextlib.contextmanager
def until(outdated: threading.Event) -> Iterator[None]:
    """Let checks that this thread runs in the block stop once the event is set."""
    _current.event = outdated
    try:
        yield
    finally:
        _current.event = None


def is_outdated() -> bool:
    """Whether the verdict that this thread gives is of no use any more."""
    event: threading.Event | None = getattr(_current, "event", None)
    return event is not None and event.is_set()


def pause(seconds: float) -> None:
    """Sleep between two looks of a check.

    Raises:
        Outdated: the verdict is of no use any more.
    """
    event: threading.Event | None = getattr(_current, "event", None)
    if event is None:
        time.sleep(seconds)
    elif event.wait(seconds):
        raise Outdated
