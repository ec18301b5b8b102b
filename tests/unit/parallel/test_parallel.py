"""Waits that are done at once: the first fault of a thread is the caller's, and nothing is printed."""

from __future__ import annotations

import threading

import pytest

from checker.parallel import in_parallel


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


def test_what_each_call_found_comes_in_the_order_of_the_items() -> None:
    later = threading.Event()

    def find(number: int) -> int:
        if number:
            later.set()
        else:
            later.wait(60)
        return number * 2

    assert in_parallel(find, range(3)) == [0, 2, 4]
    assert in_parallel(find, []) == []
