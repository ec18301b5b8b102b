"""What the checks of lab 11 may ask for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.cluster.nomad import Nomad

if TYPE_CHECKING:
    from checker.grading.author import Lab


@pytest.fixture(scope="session")
def nomad(lab: Lab) -> Nomad:
    """The cluster, with the job that the task asks for."""
    return Nomad(lab)
