"""`lab timeline`: what it takes for a length of time."""

from __future__ import annotations

import pytest

from checker.cli.verbs.timeline import seconds_of
from checker.errors import MisuseError


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("5m", 300.0), ("1h", 3600.0), ("all", None)])
def test_a_length_of_time_is_read(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "5 m", "1.5h", "5d", "²m", "yesterday"])
def test_what_is_no_length_of_time_is_misuse(text: str) -> None:
    with pytest.raises(MisuseError, match="--since takes a time such as 90s"):
        seconds_of(text)
