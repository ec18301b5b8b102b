"""What the checks of lab 16 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .box import Box
from .move import Move
from .place import Place
from .statements import Statements
from .staying import Staying

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


@pytest.fixture(scope="session")
def box(lab: Lab, move: Move) -> Box:
    """The seal box, which stays."""
    return Box(lab, move)


@pytest.fixture(scope="session")
def staying(lab: Lab, place: Place, move: Move) -> Staying:
    """The new place over time."""
    return Staying(lab, place, move)


@pytest.fixture(scope="session")
def statements(place: Place, move: Move, staying: Staying) -> Statements:
    """What the bookkeeper got."""
    return Statements(place, move, staying)
