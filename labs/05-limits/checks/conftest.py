"""What the checks of lab 05 share for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .programs import Programs
from .serving import Serving

if TYPE_CHECKING:
    from checker.grading.author import Lab


@pytest.fixture(scope="session")
def programs(lab: Lab) -> Programs:
    """What the checker knows of the four programs."""
    return Programs(lab)


@pytest.fixture(scope="session")
def serving(lab: Lab, programs: Programs) -> Serving:
    """Who answers where."""
    return Serving(lab, programs)
