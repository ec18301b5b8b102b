"""What the live page's service lets in; `checker.web.guard` enforces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.web.guard import Guard, Rules

if TYPE_CHECKING:
    from checker.web.guard import App

API = "/api/"
PUBLIC = frozenset({("GET", "/api/v1/hello"), ("POST", "/api/v1/session")})
"""What answers without a token; a one-use code guards the second."""


def guarded(app: App, *, port: int, token: str) -> Guard:
    """Return the service with its guard around it.

    Args:
        app: what is guarded.
        port: the port that the service listens on.
        token: what a page has to send.
    """
    rules = Rules(
        port=port,
        token=token,
        is_page=lambda path: not path.startswith(API),
        public=PUBLIC,
        closed="This page is not open to the labs. `lab open` gives it a new address.",
        links=True,
    )
    return Guard(app, rules)
