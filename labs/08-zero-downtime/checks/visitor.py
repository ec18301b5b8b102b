"""A user of the check's own, whose requests can be told from all others in the log of the copy that they reach."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from checker.grading.author import repeating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from checker.grading.author import Container, Prober

ASK_SECONDS = 0.2
"""How often it sends a request: a share of the users that is moved for a second is seen."""

LINES = 200
"""How many lines of a log are read each time: the users write some thirty a second, and a busy machine is slow to read."""


class Visitor:
    """A user whose requests say who sent them.

    A proxy can send a user's request to one copy, and give the user the answer of another. The users' record shows only the
    answer; the copy's log shows the request.

    Args:
        prober: sends its requests, from where the users are.
        address: what it asks for, as the users do.
        copies: returns the containers that its requests must not reach.
    """

    def __init__(self, prober: Prober, address: str, copies: Callable[[], Iterable[Container]]) -> None:
        self._prober = prober
        self._name = f"user={secrets.token_hex(8)}"
        self._address = f"{address}?{self._name}"
        self._copies = copies
        self.reached = ""
        """The container that got a request of this user."""
        self.line = ""
        """What its log says of the request."""

    def asking(self) -> AbstractContextManager[None]:
        """Send requests and read the logs again and again while the block runs."""
        return repeating(self._ask, ASK_SECONDS)

    def _ask(self) -> None:
        if not self.reached:
            self._prober.get(self._address, timeout=2.0)
            self.look()

    def look(self) -> None:
        """Read the logs now."""
        for copy in self._copies():
            for line in copy.logs(LINES).splitlines():
                if self._name in line:
                    self.reached, self.line = copy.name, line
                    return
