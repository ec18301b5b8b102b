"""Waits that are done at once: the first fault of a thread is the caller's, and nothing is printed."""

from __future__ import annotations

import pytest

from checker.grading.container import in_parallel


def test_what_goes_wrong_at_once_is_raised_when_all_have_ended(capfd: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 1:
            raise LookupError("gone")
        done.append(number)

    with pytest.raises(LookupError, match="gone"):
        in_parallel(work, range(4))
    assert sorted(done) == [0, 2, 3]
    assert capfd.readouterr().err == ""
