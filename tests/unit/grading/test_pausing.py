"""A verdict that a change has made useless ends early, between two checks and in the middle of a wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.grading import pausing
from checker.grading.author import wait_until
from checker.grading.run import grade
from checker.results import Status

if TYPE_CHECKING:
    from tests.conftest import Course

CHECKS = """
import tests.unit.grading.test_pausing as stage
from checker.grading.author import wait_until

def test_a():
    "Comes before the change"

def test_b():
    "Waits while something changes"
    stage.changed.set()
    wait_until(lambda: False, 600)

def test_c():
    "Comes after the change"
    raise AssertionError("nobody needs this any more")
"""

changed = threading.Event()


def test_a_wait_ends_at_once_when_the_verdict_is_of_no_use_any_more() -> None:
    outdated = threading.Event()
    threading.Timer(0.05, outdated.set).start()
    with pausing.until(outdated), pytest.raises(pausing.Outdated):
        wait_until(lambda: False, 600, every=600)


def test_a_wait_of_a_verdict_that_is_needed_goes_on() -> None:
    with pausing.until(threading.Event()):
        assert not wait_until(lambda: False, 0.01, every=0.005)
    assert not pausing.is_outdated()


def test_checks_that_come_after_a_change_are_not_run(course: Course) -> None:
    changed.clear()
    lab = course.lab(CHECKS, ids=("a", "b", "c"))
    with pausing.until(changed):
        report = grade(lab, Engine(Endpoint("tcp://127.0.0.1:1", "test")), course.root / "work")
    assert [check.status for check in report.checks] == [Status.PASSED, Status.NOT_RUN, Status.NOT_RUN]
    assert {check.reason for check in report.checks[1:]} == {"something has changed since this verdict began"}
