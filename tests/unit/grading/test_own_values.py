"""What a learner reads whose answer has a value that is not theirs, and that any value is right outside of such a class."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from checker.course.catalogue import Catalogue, Lab
from checker.course.model import Value
from checker.course.places import Places
from checker.grading.own_values import require_value
from checker.grading.verdicts import CheckFailed

ROOT = Path(__file__).parents[3]

VALUES = {
    "first": Value(title="the first door", lesson="north", choices=("anchor", "bridge", "castle")),
    "second": Value(title="the second door", lesson="south", choices=("bakery", "corner", "factory")),
}


@pytest.fixture
def lab() -> Lab:
    """Give a lab as a learner with values of their own has it."""
    course = Catalogue(Places(ROOT, ROOT)).find("1")
    return Lab(course.folder, msgspec.structs.replace(course.toml, values=VALUES), seed="K7Q2-1")


def failure(lab: Lab, found: str) -> CheckFailed:
    with pytest.raises(CheckFailed) as raised:
        require_value(lab, "first", found, says="`parcel` answers with", source="curl")
    return raised.value


def test_the_learners_own_value_is_right(lab: Lab) -> None:
    require_value(lab, "first", lab.values["first"], says="It says", source="curl")


@pytest.mark.parametrize("found", ["north", "anchor", "anything", ""])
def test_outside_of_such_a_class_any_value_is_right(lab: Lab, found: str) -> None:
    require_value(lab.with_seed(""), "first", found, says="It says", source="curl")


def test_the_lessons_value_is_told_as_such_with_the_own_one(lab: Lab) -> None:
    told = failure(lab, "north").failure
    assert told.rationale == "`parcel` answers with `north`. That is the lesson's value, not yours."
    assert told.expected == f"the first door: {lab.values['first']}"
    assert told.seen == "north"
    assert "`lab values 1`" in told.hint


def test_another_learners_value_is_told_as_such(lab: Lab) -> None:
    other = next(each for each in VALUES["first"].choices if each != lab.values["first"])
    assert "given to other learners" in str(failure(lab, other))


def test_the_own_value_in_the_wrong_place_says_what_it_is_for(lab: Lab) -> None:
    assert "your value for something else: the second door" in str(failure(lab, lab.values["second"]))


def test_what_is_nobodys_value_is_not_blamed_on_anybody(lab: Lab) -> None:
    assert str(failure(lab, "depot-1")) == "`parcel` answers with `depot-1`. That is not your value."


def test_a_check_that_has_more_to_say_leaves_only_known_values_to_this_one(lab: Lab) -> None:
    known = {word for value in VALUES.values() for word in (value.lesson, *value.choices)}
    for found in known - {lab.values["first"]}:
        with pytest.raises(CheckFailed):
            require_value(lab, "first", found, says="It says", source="curl", known_only=True)
    require_value(lab, "first", "depot-1", says="It says", source="curl", known_only=True)


def test_another_fault_than_the_one_that_was_picked_is_told_with_how_to_get_it(lab: Lab) -> None:
    values = {"lost": msgspec.structs.replace(VALUES["first"], fault=True)}
    faulty = Lab(lab.folder, msgspec.structs.replace(lab.toml, values=values), seed=lab.seed)
    with pytest.raises(CheckFailed) as raised:
        require_value(faulty, "lost", "north", says="The host that died is", source="lab timeline 1")
    told = raised.value.failure
    assert told.rationale.startswith("The host that died is `north`. In this class, the lab picks which one")
    assert "`lab lose 1`" in told.hint
