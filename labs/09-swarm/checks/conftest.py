"""What the checks of lab 09 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.cluster.swarm import Swarm

from .parcel import Parcel

if TYPE_CHECKING:
    from checker.grading.author import Lab


@pytest.fixture(scope="session")
def swarm(lab: Lab) -> Swarm:
    """The lab's swarm."""
    return Swarm(lab)


@pytest.fixture(scope="session")
def parcel(lab: Lab, swarm: Swarm) -> Parcel:
    """The learner's service."""
    return Parcel(lab, swarm)
