"""What the board says: who is stuck and why, which causes are common, and whether the class may move on."""

from __future__ import annotations

import dataclasses

import msgspec

from checker.classroom.known import Mistake
from checker.classroom.picture import Picture
from checker.classroom.protocol import CheckState, Item, ItemKind
from checker.results import CheckResult, Failure, Status
from tests.unit.classroom.classes import LAB, Clock, verdict


def classroom(*names: str) -> tuple[Picture, Clock]:
    clock = Clock()
    picture = Picture({LAB.slug: LAB}, clock)
    for name in names:
        picture.joins(name, name)
    return picture, clock


def whys(picture: Picture) -> dict[str, str]:
    return {row.name: row.why for row in picture.rows()}


def test_the_same_check_four_times_in_a_row_is_stuck_and_another_one_is_not() -> None:
    picture, _ = classroom("ada", "ben")
    for _ in range(4):
        picture.add("ada", verdict())
    for passed in ((), ("v1-answers",), (), ("v1-answers",)):
        picture.add("ben", verdict(*passed))
    assert whys(picture) == {"ada": "same check", "ben": ""}


def test_a_row_says_how_often_a_check_failed_and_how_often_for_the_same_reason() -> None:
    picture, _ = classroom("ada")
    for passed, reason, often in (
        ((), "t:1", (1, 1)),
        ((), "t:2", (2, 1)),
        ((), "t:2", (3, 2)),
        ((), "t:1", (4, 1)),
        (("v1-answers",), "t:1", (1, 1)),
        (LAB.checks, "", (0, 0)),
    ):
        picture.add("ada", verdict(*passed, reason=reason))
        (row,) = picture.rows()
        assert (row.in_a_row, row.same_reason) == often


def test_the_same_check_for_five_minutes_is_stuck_however_few_tries() -> None:
    picture, clock = classroom("ada")
    picture.add("ada", verdict())
    clock.now += 170
    picture.add("ada", verdict())
    clock.now += 170
    assert whys(picture) == {"ada": "same check"}


def test_silence_is_told_apart_from_having_finished() -> None:
    picture, clock = classroom("ada", "ben")
    picture.add("ada", verdict(*LAB.checks))
    clock.now += 181
    assert whys(picture) == {"ada": "", "ben": "silent"}
    picture.hears("ben")
    assert whys(picture) == {"ada": "", "ben": ""}


def test_a_hand_comes_first_and_goes_down_again() -> None:
    picture, clock = classroom("ada", "ben")
    for _ in range(4):
        picture.add("ada", verdict())
    clock.now += 10
    picture.add("ben", Item(kind=ItemKind.HAND, up=True))
    assert picture.stuck() == ["ben", "ada"]
    picture.add("ben", Item(kind=ItemKind.HAND, up=False))
    assert picture.stuck() == ["ada"]


def test_an_environment_error_is_not_the_learners_failure() -> None:
    picture, _ = classroom("ada")
    broken = CheckState(id="v1-answers", state=Status.COULD_NOT_RUN, said="The engine has gone.")
    picture.add("ada", verdict(checks=(broken,)))
    (row,) = picture.rows()
    assert (row.why, row.said) == ("environment error", "The engine has gone.")
    assert picture.causes() == []
    assert row.cells[0].state == "error"


def test_causes_are_counted_over_the_class_with_the_mistake_they_are_known_as() -> None:
    picture, _ = classroom("ada", "ben", "cem", "dot")
    picture.add("ada", verdict(said="Nobody listens on port 8091 of this machine."))
    picture.add("ben", verdict(said="Nobody listens on port 8091 of this machine."))
    picture.add("cem", verdict(reason="t:2", said="It answers with version 2."))
    picture.add("dot", verdict("v1-answers", reason="t:3", said="Something else."))
    first, *others = picture.causes()
    assert (first.check, first.learners) == ("v1-answers", ("ada", "ben"))
    assert (first.known_as, first.misconception) == ("Only exposed", "M3: exposed is published")
    assert (first.step, first.section) == ("Side by side", "What goes wrong")
    assert sorted((each.check, each.known_as, len(each.learners)) for each in others) == [
        ("v1-answers", "", 1),
        ("v2-answers", "", 1),
    ]
    picture.add("ada", verdict(*LAB.checks))
    assert picture.causes()[0].learners == ("ben",)


def test_a_mistake_is_known_by_what_stays_on_the_learners_machine() -> None:
    loopback = Mistake("v1-answers", "listening: 127.0.0.1:8080", "Listens to itself", "M7", "own-loopback")
    lab = dataclasses.replace(LAB, mistakes=(*LAB.mistakes, loopback))
    failure = Failure(
        rationale="The port is published, and nobody listens on port 8091.",
        hint="Look.",
        evidence="listening: 127.0.0.1:8080",
    )
    check = CheckResult(id="v1-answers", title="It answers", status=Status.FAILED, failure=failure)
    assert lab.recognise(check) == "own-loopback"
    assert lab.recognise(msgspec.structs.replace(check, failure=None)) == ""
    picture = Picture({LAB.slug: lab}, Clock())
    picture.joins("ada", "ada")
    for name, known_as in (("own-loopback", "Listens to itself"), ("made-up", "Only exposed")):
        failed = CheckState(
            id="v1-answers", state=Status.FAILED, reason="t:1", said=failure.rationale, known=name
        )
        picture.add("ada", verdict(checks=(failed,)))
        assert picture.causes()[0].known_as == known_as, name


def test_the_pace_says_who_is_through_and_when_most_will_be() -> None:
    picture, clock = classroom("ada", "ben", "cem", "dot", "eve")
    picture.add("ada", verdict("v1-answers", "v2-answers"))
    picture.add("ben", verdict("v1-answers", "v2-answers"))
    first, second = picture.pace()
    assert (first.done, first.of, first.minutes) == (2, 5, 10.0)  # two more at two in ten minutes
    assert (second.done, second.minutes) == (0, None)
    clock.now += 700
    assert picture.pace()[0].minutes is None
    for name in ("cem", "dot"):
        picture.add(name, verdict(*LAB.checks))
    assert picture.pace()[0].minutes == 0.0


def test_a_step_that_was_done_once_stays_counted_in_the_pace() -> None:
    picture, _ = classroom("ada")
    picture.add("ada", verdict(*LAB.checks))
    picture.add("ada", verdict())
    assert picture.pace()[0].done == 1
    assert picture.rows()[0].cells[0].state == "failing"


def test_the_line_above_the_board_counts_the_class() -> None:
    picture, clock = classroom("ada", "ben", "cem")
    picture.add("ada", verdict(*LAB.checks))
    picture.add("ben", verdict("v1-answers"))
    clock.now += 200
    picture.add("cem", Item(kind=ItemKind.HAND, up=True))
    said = picture.summary()
    assert (said.joined, said.active, said.done, said.hands, said.stuck) == (3, 1, 1, 1, 2)
    assert said.median == "3.1"


def test_a_step_whose_checks_wait_for_others_has_not_begun() -> None:
    picture, _ = classroom("ada")
    states = (Status.FAILED, Status.NOT_RUN, Status.NOT_RUN)
    waiting = tuple(
        CheckState(id=name, state=state, reason="t") for name, state in zip(LAB.checks, states, strict=True)
    )
    picture.add("ada", verdict(checks=waiting))
    assert [cell.state for cell in picture.rows()[0].cells] == ["failing", "not begun"]
    picture.add("ada", verdict("v1-answers", "others-hold"))
    assert [cell.state for cell in picture.rows()[0].cells] == ["failing", "done"]


def test_only_rows_that_changed_are_told_again() -> None:
    picture, _ = classroom("ada", "ben")
    before = picture.version
    picture.add("ben", verdict())
    assert [row.name for row in picture.rows(before)] == ["ben"]
    assert picture.rows(picture.version) == []


def test_those_who_need_help_are_told_with_the_reason_and_the_time_although_nothing_came_in() -> None:
    picture, clock = classroom("ada", "ben", "cem")
    picture.add("ada", verdict())
    picture.add("cem", verdict(*LAB.checks))
    told = picture.version
    clock.now += 301
    rows = [(row.name, row.why, row.stuck_s) for row in picture.rows(told)]
    assert rows == [("ada", "same check", 301.0), ("ben", "silent", 301.0)]
    assert set(picture.stuck()) == {"ada", "ben"}


def test_a_machine_that_was_silent_and_sends_again_is_told_as_such() -> None:
    picture, clock = classroom("ada", "ben")
    clock.now += 181
    told = picture.version
    picture.hears("ben")
    assert {row.name: row.why for row in picture.rows(told)} == {"ada": "silent", "ben": ""}
    told = picture.version
    picture.hears("ben")
    assert picture.version == told
