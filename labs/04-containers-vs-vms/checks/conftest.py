"""What the checks of lab 04 share for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .own import Own
from .shelf import Shelves

if TYPE_CHECKING:
    from checker.grading.author import Lab


@pytest.fixture(scope="session")
def own(lab: Lab) -> Own:
    """The checker's own measurements."""
    return Own(lab)


@pytest.fixture(scope="session")
def shelves(lab: Lab) -> Shelves:
    """What of the learner's runs, and answers."""
    return Shelves(lab)
