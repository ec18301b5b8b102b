"""A small course as a notebook's kernel sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.notebook import course as api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.course.catalogue import Lab
    from tests.conftest import Course


@pytest.fixture
def fake(course: Course) -> Iterator[Lab]:
    """Give the fake lab of a course that the notebook's API finds, with nothing known from the test before."""
    api.session.cache_clear()
    yield course.lab()
    api.session.cache_clear()
