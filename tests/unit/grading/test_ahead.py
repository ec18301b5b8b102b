"""Questions that are asked before a check needs them."""

from __future__ import annotations

import threading

import pytest

from checker.grading.ahead import ANSWER_SECONDS, Ahead


def test_a_question_under_way_is_not_asked_again() -> None:
    asked: list[int] = []
    ahead = Ahead()
    ahead.begin("files", lambda: asked.append(1) or "early")  # type: ignore[func-returns-value]
    assert ahead.answer("files", lambda: "late") == "early"
    assert asked == [1]


def test_an_answer_is_given_once() -> None:
    ahead = Ahead()
    ahead.begin("files", lambda: "early")
    assert [ahead.answer("files", lambda: "late") for _ in range(2)] == ["early", "late"]


def test_a_question_that_failed_is_asked_again_and_then_tells_why() -> None:
    def gone() -> str:
        raise OSError("gone")

    ahead = Ahead()
    ahead.begin("files", gone)
    assert ahead.answer("files", lambda: "late") == "late"
    ahead.begin("files", gone)
    with pytest.raises(OSError, match="gone"):
        ahead.answer("files", gone)


def test_what_nobody_asked_for_is_forgotten() -> None:
    ahead = Ahead()
    ahead.begin("files", lambda: "of the verdict before")
    ahead.forget()
    assert ahead.answer("files", lambda: "now") == "now"


def test_an_old_answer_is_not_used() -> None:
    moments = iter([0.0, ANSWER_SECONDS + 0.1])
    ahead = Ahead(clock=lambda: next(moments))
    ahead.begin("files", lambda: "early")
    assert ahead.answer("files", lambda: "late") == "late"


def test_the_answer_is_waited_for() -> None:
    may = threading.Event()
    ahead = Ahead()
    ahead.begin("files", lambda: may.wait(30) and "early")
    threading.Timer(0.01, may.set).start()
    assert ahead.answer("files", lambda: "late") == "early"
