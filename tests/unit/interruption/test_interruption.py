"""Ctrl-C comes through once the process that was being started is known, and not before."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from checker.interruption import Interruption

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Put the handler of Ctrl-C back after each test."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_one_that_comes_meanwhile_is_raised_afterwards() -> None:
    interruption = Interruption()
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interruption.let_through()


def test_afterwards_it_interrupts_as_before() -> None:
    interruption = Interruption()
    interruption.let_through()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_where_it_is_ignored_it_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interruption = Interruption()
    signal.raise_signal(signal.SIGINT)
    interruption.let_through()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_holds_nothing_back() -> None:
    handlers = []

    def run() -> None:
        interruption = Interruption()
        handlers.append(signal.getsignal(signal.SIGINT))
        interruption.let_through()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
