"""Opens the shells in the prober and in the users' container while the checks are being read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.grading.author import Lab


def early(lab: Lab) -> None:
    """Open both."""
    lab.open_shells("prober", "traffic")
