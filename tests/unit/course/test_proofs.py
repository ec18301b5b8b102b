"""What is proven of a lab with several ways, and what where one of them needs a missing program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from checker.authoring import expectations, prove
from checker.authoring.prove import Prover, images_for
from checker.errors import LabError
from checker.grading import own_values
from checker.images.third_party import MissingProgramError
from checker.results import CheckResult, Failure, Report, Status
from checker.scene.scene import Scene

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.conftest import Course

WAYS = """
images = ["shared:1.0"]
usual = ["hand"]
[ways.hand]
title = "by hand"
images = ["host:1.0"]
[ways.fleet]
title = "by fleet"
images = ["ship:1.0"]
"""


def answers(course: Course) -> None:
    for kind, ways in (("solution", ["hand"]), ("alternatives/sailed", ["hand", "fleet"])):
        course.write(f"{kind}/answer.toml", f"title = '{kind}'\nways = {ways}\n")
        course.write(f"{kind}/run.sh", "true\n")


class _OnPaper(Prover):
    """Gets as far as a scene, and no further."""

    def _fresh(self, scene: Scene) -> None:
        raise LabError(f"the scene of {' and '.join(scene.lab.chosen)} is not started in this test")


def prover(lab: Lab, course: Course, told: list[str], asked: list[tuple[str, ...]]) -> Prover:
    """Return a prover on a machine without ships, where nothing else gets further than its images."""

    def provide(wanted: Lab) -> None:
        asked.append(wanted.chosen)
        if not wanted.chosen or "fleet" in wanted.chosen:
            raise MissingProgramError("Ships were not found.")

    nothing = cast("Any", None)
    return _OnPaper(Scene(lab, course.places, nothing, nothing, course.root / "work"), told.append, provide)


def test_a_proof_needs_the_images_of_its_own_ways(course: Course) -> None:
    answers(course)
    lab = course.lab(toml=WAYS)
    assert images_for(lab, "as shipped") == ("shared:1.0", "host:1.0")
    assert images_for(lab, "solution") == ("shared:1.0", "host:1.0")
    assert images_for(lab, "alternative/sailed") == ("shared:1.0", "host:1.0", "ship:1.0")
    assert images_for(lab.with_ways(["fleet"]), "solution") == ("shared:1.0", "host:1.0")


def test_an_answer_by_a_way_that_is_not_to_be_had_is_left_out_aloud(course: Course) -> None:
    answers(course)
    told: list[str] = []
    asked: list[tuple[str, ...]] = []
    found = list(prover(course.lab(toml=WAYS), course, told, asked).all())
    assert [proof.answer for proof in found] == ["as shipped", "solution"]
    assert asked == [("hand",), ("hand",), ("hand", "fleet")]
    assert "alternative/sailed is left out. Ships were not found." in told


def test_a_lab_of_one_way_that_is_not_to_be_had_is_not_proven_at_all(course: Course) -> None:
    answers(course)
    lab = course.lab()
    with pytest.raises(MissingProgramError):
        list(prover(lab, course, [], []).all())


VALUES = """
[values.door]
title = "the door"
lesson = "front"
choices = ["left", "right", "back"]
"""


def valued(course: Course) -> Lab:
    for kind, more in (("solution", ""), ("alternatives/any-door", "lesson_values = true\n")):
        course.write(f"{kind}/answer.toml", f"title = '{kind}'\n{more}")
        course.write(f"{kind}/run.sh", "open front\n")
    return course.lab(toml=VALUES)


def test_with_a_learners_values_two_solutions_that_are_not_theirs_must_fail_too(course: Course) -> None:
    lab = valued(course)
    plain = [name for name, _ in prover(lab, course, [], []).tasks()]
    own = [name for name, _ in prover(lab.with_seed("K-1"), course, [], []).tasks()]
    assert "alternative/any-door" in plain
    assert "alternative/any-door" not in own
    assert [name for name in own if name not in plain] == [
        "solution of the lesson",
        "solution of a neighbour",
    ]


def report(reason: str = "") -> Report:
    failure = Failure(rationale="It is another door.", hint="Look.", reason=reason)
    check = CheckResult(
        id="opens",
        title="It opens",
        status=Status.FAILED if reason else Status.PASSED,
        failure=failure if reason else None,
    )
    return Report(lab="97-x", title="x", checks=(check,), started="", ms=1.0)


def test_another_learners_solution_has_to_fail_because_its_values_are_not_this_learners() -> None:
    assert expectations.must_fail_for_its_values(report(f"{own_values.REASON}12")) == ""
    assert "it passes" in expectations.must_fail_for_its_values(report())
    assert "for another reason" in expectations.must_fail_for_its_values(report("reached:7"))


def test_a_neighbour_has_none_of_a_learners_values(course: Course) -> None:
    lab = valued(course)
    for number in range(12):
        mine = lab.with_seed(f"K-{number}")
        assert set(mine.values.values()).isdisjoint(prove._neighbour(mine).values.values())
