"""What the checks of lab 16 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .move import Move
from .place import Place

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober


@pytest.fixture(scope="session")
def place(lab: Lab, prober: Prober) -> Place:
    """The new place of the office."""
    return Place(lab, prober)


@pytest.fixture(scope="session")
def move(lab: Lab, place: Place) -> Move:
    """What the users and the bookkeeper saw of the move."""
    return Move(lab, place)
