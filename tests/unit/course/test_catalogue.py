"""Finding labs, and what is said of a lab.toml or an answer that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.model import LabToml
from checker.course.places import find
from checker.course.toml import read_toml
from checker.errors import LabError, MisuseError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Course

MORE = ("03-isolation", "07-isobars", "12-one-goal")


@pytest.fixture
def labs(course: Course) -> Course:
    """Give a course with the fake lab and three more."""
    course.lab()
    text = (course.folder / "lab.toml").read_text()
    for slug in MORE:
        folder = course.root / "labs" / slug
        folder.mkdir()
        (folder / "lab.toml").write_text(text)
    (course.root / "labs" / "scenes").mkdir()
    return course


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("3", "03-isolation"),
        ("03", "03-isolation"),
        ("03-isolation", "03-isolation"),
        ("isolation", "03-isolation"),
        ("ISOLATION", "03-isolation"),
        ("isol", "03-isolation"),
        ("03-iso", "03-isolation"),
        ("03-isolation/", "03-isolation"),
        (" 12 ", "12-one-goal"),
        ("one", "12-one-goal"),
    ],
)
def test_a_lab_is_found_by_number_slug_or_beginning(labs: Course, name: str, slug: str) -> None:
    assert labs.catalogue.find(name).slug == slug


def test_folders_that_are_no_labs_are_left_out(labs: Course) -> None:
    assert [lab.slug for lab in labs.catalogue] == [*MORE, labs.slug]


def test_a_beginning_that_fits_two_labs_names_both(labs: Course) -> None:
    with pytest.raises(MisuseError, match="`iso` may mean 03-isolation, 07-isobars"):
        labs.catalogue.find("iso")


@pytest.mark.parametrize("name", ["isolatoin", "03-isolatino"])
def test_a_misspelt_name_is_answered_with_the_nearest(labs: Course, name: str) -> None:
    with pytest.raises(MisuseError) as caught:
        labs.catalogue.find(name)
    assert "Did you mean `03-isolation`?" in caught.value.remedy
    assert caught.value.code == 2


@pytest.mark.parametrize("name", ["", "99", "zzz", "-1", "3/../4", "٣٣"])
def test_a_name_like_nothing_says_where_all_are(labs: Course, name: str) -> None:
    with pytest.raises(MisuseError, match="There is no lab") as caught:
        labs.catalogue.find(name)
    assert "lab list" in caught.value.remedy


def test_a_step_is_named_after_a_dot(labs: Course) -> None:
    assert labs.catalogue.find_step("3")[1] == 0
    lab, step = labs.catalogue.find_step("isol.1")
    assert (lab.slug, step) == ("03-isolation", 1)


@pytest.mark.parametrize("step", ["0", "2", "x", "", "1.1"])
def test_a_step_that_is_not_there_is_refused_with_the_range(labs: Course, step: str) -> None:
    with pytest.raises(MisuseError, match="has no step") as caught:
        labs.catalogue.find_step(f"3.{step}")
    assert "steps 1 to 1" in caught.value.remedy


def read(folder: Path, text: str | bytes) -> LabError:
    file = folder / "lab.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(LabError) as caught:
        read_toml(file, LabToml)
    assert str(file) in caught.value.what
    return caught.value


GOOD = 'title = "T"\nclaim = "C"\nsummary = "S"\npart = "containers"\nminutes = 5\n'
STEP = '[[steps]]\ntitle = "one"\n'


def test_a_missing_lab_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"lab\.toml is missing"):
        read_toml(tmp_path / "lab.toml", LabToml)


def test_a_lab_toml_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").mkdir()
    with pytest.raises(LabError, match=r"lab\.toml cannot be read"):
        read_toml(tmp_path / "lab.toml", LabToml)


@pytest.mark.parametrize("text", ["title = ", "[[steps]", 'title = "a"\ntitle = "b"', b"title = '\xff'"])
def test_a_malformed_lab_toml_says_so_with_the_line(tmp_path: Path, text: str | bytes) -> None:
    assert "is not valid TOML" in read(tmp_path, text).what


def test_an_unknown_field_is_answered_with_the_nearest_and_with_all(tmp_path: Path) -> None:
    error = read(tmp_path, GOOD + "tittle = 'x'\n" + STEP)
    assert "unknown field `tittle`" in error.what
    assert error.remedy.startswith("Did you mean `title`? Fields: title, claim,")


def test_an_unknown_field_of_a_step_is_answered_with_the_fields_of_a_step(tmp_path: Path) -> None:
    error = read(tmp_path, GOOD + STEP + "check = ['a']\n")
    assert "field `steps[0]`" in error.what
    assert error.remedy == "Did you mean `checks`? Fields: title, checks."


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ('minutes = "5"', "minutes", "Expected `int`, got `str`"),
        ("minutes = 0", "minutes", ">= 1"),
        ("minutes = 5\nports = [99999]", "ports", "<= 65535"),
        ('minutes = 5\nports = "8080"', "ports", "Expected `array`, got `str`"),
        ("minutes = 5\nneeds = [1]", "needs", "Expected `str`, got `int`"),
    ],
)
def test_a_field_of_the_wrong_type_is_named_with_what_was_expected(
    tmp_path: Path, line: str, field: str, expected: str
) -> None:
    error = read(tmp_path, GOOD.replace("minutes = 5", line) + STEP)
    assert f"field `{field}" in error.what
    assert expected in error.what


def test_a_wrong_choice_is_answered_with_the_choices(tmp_path: Path) -> None:
    error = read(tmp_path, GOOD.replace("containers", "boats") + STEP)
    assert "field `part`" in error.what
    assert error.remedy == "Allowed: containers, orchestration, use-cases."


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    assert "missing required field `claim`" in read(tmp_path, GOOD.replace('claim = "C"', "") + STEP).what


def test_a_lab_without_steps_is_refused(tmp_path: Path) -> None:
    assert "steps" in read(tmp_path, GOOD + "steps = []").what


def test_a_ladder_of_two_rungs_is_refused(tmp_path: Path) -> None:
    error = read(tmp_path, GOOD + STEP + '[hints]\na = ["one", "two"]\n')
    assert "length 3" in error.what
    assert "hints" in error.what


def test_answers_come_in_order_with_their_kinds(course: Course) -> None:
    files = {
        "solution/answer.toml": "title = 's'",
        "solution/run.sh": "true",
        "alternatives/b/answer.toml": "title = 'b'",
        "alternatives/b/files/x": "x",
        "wrong/c/answer.toml": "title = 'c'\ncheck = 'it-holds'\nreason = 'r'",
        "wrong/c/run.sh": "true",
        "steps/2/answer.toml": "title = 'two'",
        "steps/2/run.sh": "true",
    }
    lab = course.lab(files=files)
    assert [answer.name for answer in lab.answers] == ["solution", "alternative/b", "wrong/c"]
    assert [answer.must_fail for answer in lab.answers] == [False, False, True]
    second = lab.step_answer(2)
    assert second is not None
    assert second.name == "step/2"
    assert lab.step_answer(1) is None


@pytest.mark.parametrize(
    ("toml", "script", "said"),
    [
        ("title = 'c'", True, "names the `check` that must fail"),
        ("title = 'c'\ncheck = 'x'", True, "names the `check` that must fail"),
        ("title = 'c'\ncheck = 'x'\nreason = 'r'", False, "has neither files/ nor run.sh"),
        ("title = 'c'\ncheck = 'x'\nreason = 'r'\noutcome = 'passed'", True, "outcome"),
        ("title = 'c'\ncheck = 'x'\nreason = 'r'\ncheks = 'x'", True, "unknown field `cheks`"),
    ],
)
def test_a_wrong_answer_that_says_too_little_or_too_much_is_refused(
    course: Course, toml: str, script: bool, said: str
) -> None:
    files = {"wrong/c/answer.toml": toml} | ({"wrong/c/run.sh": "true"} if script else {})
    with pytest.raises(LabError, match=said):
        _ = course.lab(files=files).answers


def test_a_named_course_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_COURSE", str(tmp_path))
    with pytest.raises(LabError, match="which does not contain the course"):
        find()


def test_a_course_is_found_from_a_folder_inside_it(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRYDOCK_COURSE")
    course.lab()
    assert find(course.folder / "checks").root == course.root


def test_folders_named_by_the_environment_are_absolute(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRYDOCK_WORK", "elsewhere")
    monkeypatch.setenv("DRYDOCK_STATE", "~/state")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert course.places.work == tmp_path / "elsewhere"
    assert course.places.state == tmp_path / "state"
