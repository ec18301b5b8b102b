"""What the checks of lab 12 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .goal import Goal
from .ways import Ways

if TYPE_CHECKING:
    from checker.grading.author import Lab, Outside, Prober


@pytest.fixture(scope="session")
def ways(lab: Lab) -> Ways:
    """The ways that were chosen, and which of them the learner uses."""
    return Ways(lab)


@pytest.fixture(scope="session")
def goal(lab: Lab, outside: Outside, prober: Prober) -> Goal:
    """The goal, which is the same for all of them."""
    return Goal(lab, outside, prober)
