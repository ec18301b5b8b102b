"""Lab 13: how the requests to a failing service are counted, and what is said of a service that is back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.grading.verdicts import CheckFailed
from tests.unit.labs.conftest import module

reading, services = (module("13", name) for name in ("reading", "services"))
PAGES_A_SECOND = 25
PAGES = 62


class Users:
    """Services whose front sends tracking so many requests for each page while it works; its clock moves when one watches."""

    def __init__(self, requests_a_page: int = 1) -> None:
        self.each = requests_a_page
        self.clock = 0.0
        self.traffic = SimpleNamespace(now=lambda: self.clock, between=self._between)

    @staticmethod
    def _between(begin: float, end: float) -> Any:
        return SimpleNamespace(requests=[None] * round((end - begin) * PAGES_A_SECOND))

    def watch(self, since: float, seconds: float) -> None:
        """Let time pass."""
        self.clock = since + seconds

    def met(self, _: str) -> int:
        """Return how many requests tracking has got."""
        return round(self.clock * PAGES_A_SECOND * self.each)

    def record(self, *_: object) -> None:
        """Store nothing."""

    def require_calm(self, *said: Any) -> None:
        """Judge as the lab does."""
        services.Services.require_calm(self, *said)


@pytest.mark.parametrize("requests", [PAGES, 4 * PAGES])
def test_up_to_four_requests_a_page_are_few(requests: int) -> None:
    reading._require_few(Users(), requests, PAGES)


def test_a_front_that_repeats_its_requests_makes_a_storm() -> None:
    with pytest.raises(CheckFailed, match="a retry storm"):
        reading._require_few(Users(), 10 * PAGES, PAGES)


def test_a_front_that_always_sends_many_requests_is_told_so() -> None:
    """It does not retry, so its learner would look for a retry that is not there."""
    with pytest.raises(CheckFailed, match="also while tracking works"):
        reading._require_few(Users(requests_a_page=5), 10 * PAGES, PAGES)


@pytest.mark.parametrize(
    ("met", "moved", "why"),
    [
        (3, "", "has sent it 3 requests"),
        (0, "", "stops asking"),
        (0, "its address was .2 and is .3 now", "An address goes with its container"),
    ],
)
def test_why_the_front_does_without_a_service_that_is_back(met: int, moved: str, why: str) -> None:
    assert why in reading._why_away(SimpleNamespace(met=lambda _: met), moved)[0]
