"""What the checks of lab 07 share for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .server import Server

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober, Traffic


@pytest.fixture(scope="session")
def server(lab: Lab, timeline: Traffic, prober: Prober) -> Server:
    """The server, and the Parcel on it."""
    return Server(lab, timeline, prober)
