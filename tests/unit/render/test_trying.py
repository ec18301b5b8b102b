"""What is shown while a verdict takes its time."""

from __future__ import annotations

import io
import threading

import pytest

from checker.render import trying
from checker.render.trying import Trying


class Stream(io.StringIO):
    """A stream that may be a terminal, and tells when something was written."""

    encoding = "utf-8"

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal
        self.written = threading.Event()

    def isatty(self) -> bool:
        """Say so."""
        return self.terminal

    def flush(self) -> None:
        """Tell that something is there."""
        self.written.set()


@pytest.fixture(autouse=True)
def in_parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for what a person would wait for."""
    for name in ("SOON_SECONDS", "LONG_SECONDS", "TICK_SECONDS"):
        monkeypatch.setattr(trying, name, 0.001)


def test_a_terminal_shows_the_check_and_is_clean_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Stream(terminal=True)
    with Trying(stream) as shown:
        shown("While a node is lost, users are answered")
        assert stream.written.wait(30)
    assert "trying: While a node is lost, users are answered  0 s" in stream.getvalue()
    assert stream.getvalue().endswith("\r\033[K")


def test_a_long_title_stays_in_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Stream(terminal=True)
    with Trying(stream) as shown:
        shown("word " * 40)
        assert stream.written.wait(30)
    rows = [row.removeprefix("\033[K") for row in stream.getvalue().split("\r")]
    assert max(len(row) for row in rows) < 40
    assert any("…" in row for row in rows)


def test_a_log_gets_one_line_for_a_long_check() -> None:
    stream = Stream(terminal=False)
    with Trying(stream) as shown:
        shown("It lasts")
        assert stream.written.wait(30)
    assert stream.getvalue() == "trying: It lasts\n"


def test_a_short_check_leaves_no_line_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "LONG_SECONDS", 1000.0)
    stream = Stream(terminal=False)
    with Trying(stream) as shown:
        shown("It is quick")
    assert not stream.getvalue()


def test_quiet_is_quiet() -> None:
    stream = Stream(terminal=True)
    with Trying(stream, quiet=True) as shown:
        shown("It holds")
    assert not stream.getvalue()
