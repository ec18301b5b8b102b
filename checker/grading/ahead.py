"""Questions that are put to the engine before a check asks them, while pytest is imported or another check runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Ahead:
    """Questions under way, by name. Each answer is given once: what changes later is asked again."""

    def __init__(self) -> None:
        self._under_way: dict[str, tuple[threading.Thread, list[Any]]] = {}

    def begin(self, name: str, question: Callable[[], Any]) -> None:
        """Ask a question in a thread of its own."""
        answers: list[Any] = []

        def ask() -> None:
            # What goes wrong is for the check to meet, which asks again then.
            try:
                answers.append(question())
            except Exception:  # noqa: BLE001 - whatever it is, it is no answer
                answers.clear()

        thread = threading.Thread(target=ask, daemon=True)
        # Only then may another thread find it: one that has not started cannot be waited for.
        thread.start()
        self._under_way[name] = (thread, answers)

    def answer(self, name: str, question: Callable[[], Any]) -> Any:
        """Return the answer of a question that is under way, or ask it now.

        Raises:
            Exception: whatever the question raises when it is asked now.
        """
        begun = self._under_way.pop(name, None)
        if begun is not None:
            thread, answers = begun
            thread.join()
            if answers:
                return answers[0]
        return question()

    def forget(self) -> None:
        """Forget what nobody asked for, so that a later verdict does not take it for new."""
        self._under_way.clear()
