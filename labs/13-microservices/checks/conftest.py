"""What the checks of lab 13 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .services import Services

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Traffic


@pytest.fixture(scope="session")
def services(lab: Lab, prober: Prober, timeline: Traffic) -> Services:
    """The learner's services, and their users."""
    return Services(lab, prober, timeline)
