"""A user of the check's own, whose requests can be told from all others in the log of the copy that they reach."""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Send requests and read the logs again and again while the block runs."""
        ended = threading.Event()

        def ask() -> None:
            while not ended.wait(ASK_SECONDS) and not self.reached:
                # A copy can be removed between two looks.
                with contextlib.suppress(LabError):
                    self._prober.get(self._address, timeout=2.0)
                    self.look()

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def look(self) -> None:
        """Read the logs now."""
        for copy in self._copies():
            for line in copy.logs(LINES).splitlines():
                if self._name in line:
                    self.reached, self.line = copy.name, line
                    return
