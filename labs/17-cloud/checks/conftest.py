"""What the checks of lab 17 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .rented import Rented
from .replay import Replay

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Traffic


@pytest.fixture(scope="session")
def rented(lab: Lab) -> Rented:
    """The rented machine, and the ways to it."""
    return Rented(lab)


@pytest.fixture(scope="session")
def replay(lab: Lab, rented: Rented, prober: Prober, timeline: Traffic) -> Replay:
    """The week that was replayed last: what it cost, and what the users saw."""
    return Replay(lab, rented, prober, timeline)
