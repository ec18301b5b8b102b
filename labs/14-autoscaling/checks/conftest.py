"""What the checks of lab 14 share for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.cluster.kubernetes import Kubernetes

from .autoscaler import Scaled
from .tide import Tide

if TYPE_CHECKING:
    from checker.grading.author import Lab, Traffic


@pytest.fixture(scope="session")
def scaled(lab: Lab) -> Scaled:
    """The workload behind the address, and its autoscaler."""
    return Scaled(Kubernetes(lab))


@pytest.fixture(scope="session")
def tide(lab: Lab, scaled: Scaled, timeline: Traffic) -> Tide:
    """The last tide, with what the recorder wrote of it."""
    return Tide(lab, scaled, timeline)
