"""A call that is made again and again, in a thread, beside what the caller does."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def repeating(function: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call a function again and again, in a thread, while the block runs.

    An error of the course ends no repetition: what was asked may be gone for a moment.

    Args:
        function: what to call.
        seconds: the pause before each call.
    """
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            with contextlib.suppress(LabError):
                function()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
