"""Asks the engine questions before a check needs the answers, while pytest is imported or another check runs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


ANSWER_SECONDS = 3.0
"""How old an answer may be when it is used; a check may wait for a minute before it asks."""


class Ahead:
    """Questions in progress, by name. Each answer is used once and while it is new; after that, the engine is asked again.

    Args:
        clock: tells the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way: dict[str, tuple[threading.Thread, list[tuple[Any, float]]]] = {}

    def begin(self, name: str, question: Callable[[], Any]) -> None:
        """Ask a question in its own thread."""
        answers: list[tuple[Any, float]] = []

        def ask() -> None:
            # If this fails, the check asks again itself and meets the error.
            try:
                answers.append((question(), self._clock()))
            except Exception:  # noqa: BLE001 - whatever it is, it is no answer
                answers.clear()

        thread = threading.Thread(target=ask, daemon=True)
        # Only now may another thread find it: nobody can join a thread that has not started.
        thread.start()
        self._under_way[name] = (thread, answers)

    def answer(self, name: str, question: Callable[[], Any]) -> Any:
        """Return the answer to a question in progress, or ask the question now.

        Raises:
            Exception: whatever the question raises when it is asked now.
        """
        begun = self._under_way.pop(name, None)
        if begun is not None:
            thread, answers = begun
            thread.join()
            if answers and self._clock() - answers[0][1] <= ANSWER_SECONDS:
                return answers[0][0]
        return question()

    def forget(self) -> None:
        """Forget unused answers, so that a later verdict does not use them as if they were new."""
        self._under_way.clear()
