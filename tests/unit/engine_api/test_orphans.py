"""Ending what a shell left: for as long as something is being ended, and no longer."""

from __future__ import annotations

from typing import Any, cast

import pytest

from checker.engine.orphans import END_SECONDS, Mark, end_all


class Exec:
    """An engine whose exec says a word every few seconds of a clock that only it moves."""

    def __init__(self, *words: str, seconds: float) -> None:
        self.now = 0.0
        self._words = list(words)
        self._seconds = seconds
        self._timeout = 0.0
        self.asked = 0

    def new_exec(self, container: str, options: dict[str, Any]) -> str:
        """Make an exec."""
        assert container == "box"
        assert options["Cmd"][0] == "/bin/sh"
        self.asked += 1
        return "x"

    def hijack(self, path: str, body: dict[str, Any]) -> tuple[Exec, bytes]:  # noqa: ARG002
        """Connect to it."""
        return self, b""

    def settimeout(self, seconds: float) -> None:
        """Note how long may be waited."""
        self._timeout = seconds

    def recv(self, _: int) -> bytes:
        """Say the next word when its time has come."""
        if not self._words:
            return b""
        if self._seconds > self._timeout:
            self.now += self._timeout
            raise TimeoutError
        self.now += self._seconds
        return self._words.pop(0).encode()

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def mark() -> Mark:
    """Give a mark."""
    return Mark()


def test_an_ending_that_gets_on_is_waited_for(mark: Mark, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Exec(".", ".", ".", ".", mark.token, seconds=END_SECONDS - 1)
    monkeypatch.setattr("checker.engine.orphans.time.monotonic", lambda: engine.now)
    assert end_all(cast("Any", engine), "box", mark, None)
    assert engine.now > 2 * END_SECONDS


def test_an_ending_that_says_nothing_is_given_up(mark: Mark, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Exec(mark.token, seconds=END_SECONDS + 1)
    monkeypatch.setattr("checker.engine.orphans.time.monotonic", lambda: engine.now)
    assert not end_all(cast("Any", engine), "box", mark, None)
    assert engine.asked == 2  # the shell's own user, and root


def test_an_ending_that_never_ends_is_given_up(mark: Mark, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Exec(*"." * 100, mark.token, seconds=END_SECONDS - 1)
    monkeypatch.setattr("checker.engine.orphans.time.monotonic", lambda: engine.now)
    assert not end_all(cast("Any", engine), "box", mark, None)
