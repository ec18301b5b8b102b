"""What the checks of lab 13 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .services import Services
from .traces import Found

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Traffic


@pytest.fixture(scope="session")
def services(lab: Lab, prober: Prober, timeline: Traffic) -> Services:
    """The services that the learner runs, and their users."""
    return Services(lab, prober, timeline)


@pytest.fixture(scope="session", autouse=True)
def found(services: Services) -> Found:
    """The request that the learner found, looked up before any check replaces a container."""
    return Found(services)
