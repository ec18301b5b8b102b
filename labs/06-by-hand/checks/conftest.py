"""What the checks of lab 06 share for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .world import World

if TYPE_CHECKING:
    from checker.grading.author import Lab, Traffic


@pytest.fixture(scope="session")
def world(lab: Lab, timeline: Traffic) -> World:
    """The hosts, the copies, the loss."""
    return World(lab, timeline)
