"""A lab with several ways: which are started, how others are chosen, and what that needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.answer import read_answer
from checker.course.choice import keep, notes
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.conftest import Course

WAYS = """
images = ["shared:1.0"]
ports = [8000]
needs = ["privileged"]
usual = ["hand", "crew"]
[ways.hand]
title = "by hand"
images = ["host:1.0"]
ports = [8001]
[ways.crew]
title = "by crew"
images = ["host:1.0"]
ports = [8002]
[ways.fleet]
title = "by fleet"
needs = ["limits"]
images = ["ship:1.0", "tools:ship"]
ports = [8003]
[ways.swarm]
title = "by Swarm"
images = ["bee:1.0", "tools:bee"]
ports = [8004]
beside.fleet = ["tools:ship-bee"]
"""


@pytest.fixture
def lab(course: Course) -> Lab:
    """Give a lab of four ways, two of which are started."""
    return course.lab(toml=WAYS)


def test_until_one_chooses_the_usual_ways_are_started(lab: Lab) -> None:
    assert lab.chosen == ("hand", "crew")
    assert lab.images == ("shared:1.0", "host:1.0")
    assert lab.ports == (8000, 8001, 8002)
    assert [file.name for file in lab.compose_files] == [
        "compose.yaml",
        "compose.hand.yaml",
        "compose.crew.yaml",
    ]


def test_a_choice_brings_its_own_images_ports_and_files_and_no_others(lab: Lab) -> None:
    found = lab.choosing(["swarm", "hand"])
    assert found.chosen == ("hand", "swarm")
    assert found.images == ("shared:1.0", "host:1.0", "bee:1.0", "tools:bee")
    assert found.ports == (8000, 8001, 8004)
    assert [file.name for file in found.compose_files][1:] == ["compose.hand.yaml", "compose.swarm.yaml"]


def test_two_ways_together_may_need_what_neither_needs_alone(lab: Lab) -> None:
    assert "tools:ship-bee" in lab.choosing(["fleet", "swarm"]).images
    assert "tools:ship-bee" not in lab.choosing(["hand", "swarm"]).images
    assert "tools:ship-bee" in lab.all_images
    assert lab.all_ports == (8000, 8001, 8002, 8003, 8004)


def test_only_the_chosen_ways_add_to_what_the_machine_must_do(lab: Lab) -> None:
    assert lab.needs == {"privileged"}
    assert lab.choosing(["hand", "fleet"]).needs == lab.all_needs == {"privileged", "limits"}


@pytest.mark.parametrize("names", [["by fleet", "HAND"], [" fleet", "hand", "hand ", ""]])
def test_a_way_is_meant_by_its_title_and_in_any_case(lab: Lab, names: list[str]) -> None:
    assert lab.choosing(names).chosen == ("hand", "fleet")


def test_a_misspelt_way_is_answered_with_the_nearest(lab: Lab) -> None:
    with pytest.raises(MisuseError, match="Lab 97 has no way `swrm`") as caught:
        lab.choosing(["hand", "swrm"])
    assert caught.value.remedy == "Did you mean `swarm`? Its ways: hand, crew, fleet, swarm."
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("names", "said", "example"),
    [
        (["fleet"], "you named one: fleet", "--with fleet,hand"),
        (["swarm", "swarm"], "you named one: swarm", "--with swarm,hand"),
        (["fleet", "hand", "crew"], "you named three: fleet, hand, crew", "--with fleet,hand"),
        ([","], "you named none.", ""),
    ],
)
def test_another_number_of_ways_is_refused(lab: Lab, names: list[str], said: str, example: str) -> None:
    names = [part for name in names for part in name.split(",")]
    with pytest.raises(MisuseError, match="takes two ways at a time") as caught:
        lab.choosing(names)
    assert said in caught.value.what
    assert example in caught.value.remedy


def test_a_lab_of_one_way_leaves_nothing_to_choose(course: Course) -> None:
    lab = course.lab()
    with pytest.raises(MisuseError, match="has only one way"):
        lab.choosing(["hand"])
    assert lab.chosen == ()
    assert notes(lab) == []
    keep(course.places, lab)
    assert not (course.places.state / "ways").exists()


def test_the_last_choice_is_kept_for_every_command_after(lab: Lab, course: Course) -> None:
    keep(course.places, lab.choosing(["fleet", "crew"]))
    again = course.catalogue.find(course.number)
    assert again.chosen == ("crew", "fleet")
    assert notes(again) == [
        "Started: by crew and by fleet.",
        "Also available: hand, swarm. To switch: lab start 97 --with fleet,hand",
    ]


@pytest.mark.parametrize("text", ["", "hand", "hand gone", "hand crew fleet", "\xff"])
def test_a_choice_that_means_nothing_here_is_forgotten(lab: Lab, course: Course, text: str) -> None:
    keep(course.places, lab)
    (course.places.state / "ways" / lab.slug).write_bytes(text.encode("latin-1"))
    assert course.catalogue.find(course.number).chosen == ("hand", "crew")


def test_an_answer_is_given_with_what_is_chosen_when_that_will_do(lab: Lab, course: Course) -> None:
    course.write("solution/answer.toml", 'title = "x"\nways = ["hand"]\n')
    course.write("solution/run.sh", "true\n")
    answer = read_answer(course.folder / "solution", "solution", course.folder)
    assert lab.reaching(answer) is lab
    other = lab.choosing(["fleet", "swarm"])
    assert other.reaching(answer).chosen == ("hand", "fleet")


@pytest.mark.parametrize("usual", ['["hand", "gone"]', "[]"])
def test_a_lab_whose_usual_ways_are_none_of_its_own_is_refused(course: Course, usual: str) -> None:
    with pytest.raises(LabError, match="field `usual`") as caught:
        course.lab(toml=WAYS.replace('["hand", "crew"]', usual))
    assert caught.value.remedy == "Ways: hand, crew, fleet, swarm."
