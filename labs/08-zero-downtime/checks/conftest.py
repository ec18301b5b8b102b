"""What the checks of lab 08 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .script import Script
from .service import Service

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Traffic


@pytest.fixture(scope="session")
def service(lab: Lab, prober: Prober, timeline: Traffic) -> Service:
    """The learner's proxy, and what is behind it."""
    return Service(lab, prober, timeline)


@pytest.fixture(scope="session")
def script(lab: Lab, service: Service) -> Script:
    """The learner's script."""
    return Script(lab, service)
