"""What the checks of lab 15 take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.grading.author import Lab, Traffic


@pytest.fixture(scope="session")
def delivery(lab: Lab, timeline: Traffic) -> Iterator[Delivery]:
    """The learner's pipeline; after the checks, main and production are as before."""
    found = Delivery(lab, timeline)
    yield found
    found.put_back()
