"""`lab new`: a lab from the template, under a name of its own, and nothing overwritten."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

import pytest

from checker.authoring.new import TEMPLATE, make
from checker.course.catalogue import Catalogue
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places


def texts(*places: Path) -> str:
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place])]
    return "\n".join(f"{file}\n{file.read_text()}" for file in files if file.is_file())


def test_the_catalogue_reads_a_new_lab_with_all_its_answers(course: Places) -> None:
    made = make(course, "18-my-topic", "My topic")
    lab = Catalogue(course).find("18")
    assert lab.slug == "18-my-topic"
    assert lab.toml.title == "My topic"
    kinds = [answer.kind for answer in lab.answers]
    assert (kinds.count("solution"), kinds.count("alternative")) == (1, 2)
    assert kinds.count("wrong") >= 5
    assert set(lab.toml.hints) == set(lab.check_ids)
    assert lab.step_answer(2) is not None
    assert made.facts.read_text().startswith("<!-- Written by `lab measure 18`")


def test_every_check_of_a_new_lab_is_listed_and_every_expected_failure_exists(course: Places) -> None:
    lab = make(course, "door").lab
    tree = ast.parse((lab.folder / "checks/test_lab.py").read_text())
    tests = [
        node.name.removeprefix("test_").replace("_", "-")
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert set(lab.check_ids) == set(tests) - {"scene-untouched"}
    assert {answer.toml.check for answer in lab.answers if answer.must_fail} == set(tests)


def test_the_lesson_has_every_section_in_order(course: Places) -> None:
    lesson = make(course, "18-my-topic", "My topic").lesson.read_text()
    sections = [
        "# 18 My topic", '--8<-- "lessons/_facts/18.md"', "## Before you begin", "lab start 18",
        "## What you will be able to do", "## 1. ", "??? question", "{.sh .fails}", "## Your turn", "{.sh .gaps}",
        "## Check", "lab check 18", "## What goes wrong", "## What happened", "## Clean up", "lab stop 18",
        "## Next", "For teachers",
    ]  # fmt: skip
    places = [lesson.find(section) for section in sections]
    assert -1 not in places, sections[places.index(-1)]
    assert lesson.startswith('---\ntitle: "My topic"\n')


def test_nothing_of_the_templates_own_names_is_left(course: Places) -> None:
    made = make(course, "5-x-ray".replace("5-", "05-"))
    found = texts(made.lab.folder, made.lesson, made.facts)
    for word in ("Sample lab", "sample-copy", "8199", "drydock-99", "lab 99", "99.md"):
        assert word not in found
    assert "drydock-05_lab" in found
    assert "lab check 5\n" in found
    assert made.lab.toml.title == "X ray"


def test_without_a_number_the_next_free_one_is_taken(course: Places) -> None:
    assert make(course, "first").lab.slug == "01-first"
    assert make(course, "41-later").lab.slug == "41-later"
    assert make(course, "last").lab.slug == "42-last"


def test_two_new_labs_share_no_port_and_no_container(course: Places) -> None:
    first, second = make(course, "01-one").lab.toml, make(course, "02-one-more").lab.toml
    assert not set(first.ports) & set(second.ports)
    assert first.containers[0] != second.containers[0]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("My Topic!", "my-topic"),
        ("über", "ber"),
        ("3", ""),
        ("a--b", "a-b"),
        ("../out", "out"),
        ("", "my-topic"),
    ],
)
def test_a_name_that_cannot_be_a_slug_is_refused(course: Places, name: str, near: str) -> None:
    if name == "3":
        assert make(course, name).lab.slug == "01-3"
        return
    with pytest.raises(MisuseError, match="is not a valid name for a lab") as caught:
        make(course, name)
    assert f"lab new {near}" in caught.value.remedy
    assert Catalogue(course).folders == ()


@pytest.mark.parametrize("name", ["01-other", "00-zero", "one", "07-one"])
def test_a_taken_number_or_topic_is_refused(course: Places, name: str) -> None:
    make(course, "01-one")
    before = texts(course.root)
    with pytest.raises(MisuseError):
        make(course, name)
    assert texts(course.root) == before


def test_a_lesson_that_is_there_is_not_overwritten(course: Places) -> None:
    lesson = course.docs / "lessons/03-door.md"
    lesson.write_text("mine")
    with pytest.raises(MisuseError, match="exists already"):
        make(course, "03-door")
    assert lesson.read_text() == "mine"
    assert not (course.labs / "03-door").exists()


def test_a_course_that_cannot_be_written_says_so_and_leaves_nothing(course: Places) -> None:
    (course.docs / "lessons").rmdir()
    (course.docs / "lessons").write_text("a file where a folder should be")
    with pytest.raises(LabError, match="cannot be written"):
        make(course, "door")
    assert [path.name for path in course.labs.iterdir()] == ["scenes"]


def test_a_title_with_quotes_and_colons_stays_itself(course: Places) -> None:
    title = 'The "door": ä \\ way'
    made = make(course, "door", title)
    assert made.lab.toml.title == title
    assert json.loads(made.lesson.read_text().splitlines()[1].removeprefix("title: ")) == title


def test_the_template_is_there_to_be_copied() -> None:
    assert (TEMPLATE / "lesson.md").is_file()
    assert (TEMPLATE / "lab/lab.toml").is_file()
