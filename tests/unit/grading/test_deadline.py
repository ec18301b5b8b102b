"""The time limit on Python that may hang, in the main thread and in another."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from checker.grading import deadline as module
from checker.grading.deadline import DeadlineError, deadline


@pytest.fixture(autouse=True)
def _rings_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.1)


def spin(seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        pass


def test_a_block_that_ends_in_time_is_left_alone() -> None:
    with deadline(5):
        reached = True
    assert reached


def test_a_blocking_call_in_the_main_thread_is_interrupted() -> None:
    with pytest.raises(DeadlineError), deadline(0.05):
        threading.Event().wait(30)


def test_a_check_cannot_swallow_it_as_an_exception() -> None:
    with pytest.raises(DeadlineError), deadline(0.05):
        try:
            spin(30)
        except Exception:  # noqa: BLE001 - what a careless check does
            spin(30)


def test_it_rings_again_when_the_first_ring_was_swallowed() -> None:
    with pytest.raises(DeadlineError), deadline(0.05):
        try:
            spin(30)
        except BaseException:  # noqa: BLE001 - as a destructor would
            spin(30)


@pytest.mark.parametrize("seconds", [0.0, 1e-9])
def test_a_limit_of_nothing_rings_at_once(seconds: float) -> None:
    with pytest.raises(DeadlineError), deadline(seconds):
        spin(30)


def test_nothing_is_left_that_could_ring_later() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with deadline(0.02):
        pass
    with pytest.raises(DeadlineError), deadline(0.02):
        spin(30)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def in_thread(
    seconds: float, body_seconds: float, *, swallow: bool = False, after: float = 0.15
) -> list[str]:
    said: list[str] = []

    def run() -> None:
        try:
            with deadline(seconds):
                try:
                    spin(body_seconds)
                except BaseException:
                    if not swallow:
                        raise
                    spin(body_seconds)
            said.append("ended")
            spin(after)
            said.append("went on")
        except DeadlineError:
            said.append("rang")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    return said


def test_in_another_thread_it_rings_too() -> None:
    assert in_thread(0.05, 30) == ["rang"]


def test_in_another_thread_it_rings_again() -> None:
    assert in_thread(0.05, 30, swallow=True) == ["rang"]


def test_in_another_thread_it_does_not_ring_after_the_block() -> None:
    assert in_thread(0.05, 0.001) == ["ended", "went on"]


def test_at_the_very_end_of_a_block_it_rings_inside_or_not_at_all() -> None:
    # Whichever comes first, nothing may escape from the code after the block.
    for _ in range(60):
        assert in_thread(0.001, 0.001, after=0.002)[0] in {"rang", "ended"}


def test_a_thread_that_got_the_number_of_one_that_ended_is_left_alone() -> None:
    blocks = []

    def begin_and_never_leave() -> None:
        block = deadline(0.05)
        block.__enter__()
        blocks.append(block)

    first = threading.Thread(target=begin_and_never_leave)
    first.start()
    first.join()
    spoilt = []

    def work() -> None:
        try:
            spin(0.02)
        except DeadlineError:
            spoilt.append(threading.get_ident())

    numbers = set()
    # Long enough for the ring that must not come, and until the number was given out again.
    rung, give_up = time.monotonic() + 0.5, time.monotonic() + 30.0
    while time.monotonic() < rung or (first.ident not in numbers and time.monotonic() < give_up):
        other = threading.Thread(target=work)
        other.start()
        numbers.add(other.ident)
        other.join()
    assert not spoilt
    if first.ident not in numbers:
        pytest.skip("the system gave the number to a thread that is not of this test")
