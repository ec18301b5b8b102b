"""What the checks of lab 02 share for one run."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from .alone import Alone
from .recipe import Recipe
from .second import Second

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.grading.author import Lab, Prober


@pytest.fixture(scope="session")
def alone(lab: Lab, prober: Prober) -> Alone:
    """The learner's image, run by the checker."""
    return Alone(lab, prober, key=f"check-{secrets.token_hex(8)}")


@pytest.fixture(scope="session")
def recipe(lab: Lab) -> Iterator[Recipe]:
    """The learner's recipe, built by the checker."""
    made = Recipe(lab)
    yield made
    made.close()


@pytest.fixture(scope="session")
def second(lab: Lab) -> Second:
    """The second machine."""
    return Second(lab)
