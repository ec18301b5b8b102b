"""The loop of `lab watch`, without an engine."""

from __future__ import annotations

import argparse
import queue
from typing import TYPE_CHECKING, Any

import pytest

from checker.cli import watching
from checker.cli.context import Context
from checker.errors import LabError
from checker.session import judging, operations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Course


class FakeChanges:
    """Remembers what was followed, and whether it has ended."""

    made: list[FakeChanges]

    def __init__(self, _engine: object, work: Path) -> None:
        self.queue: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        self.work = work
        self.ended = False
        self.made.append(self)

    def follow(self) -> None:
        """Follow nothing."""

    def end(self) -> None:
        """Note it."""
        self.ended = True


def refuse(*_: Any, **__: Any) -> None:
    raise LabError("The lab is not started.")


@pytest.mark.usefixtures("capsys")
def test_the_lab_before_is_no_longer_followed(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    FakeChanges.made = []
    monkeypatch.setattr(watching, "Changes", FakeChanges)
    monkeypatch.setattr(judging, "check", refuse)
    monkeypatch.setattr(operations, "start", lambda *_: None)
    first = course.lab()
    second = course.folder.with_name("98-second")
    course.folder.rename(second)
    course.lab()
    watch = watching.Watching(Context(argparse.Namespace(json=False)), first, until_passed=False)
    watch._obey("n")
    before, now = FakeChanges.made
    assert (before.ended, now.ended) == (True, False)
    assert now.work.name == "98-second"
