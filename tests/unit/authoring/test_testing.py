"""Which parts of the tests run together, in how many lanes, and how often what fails is tried."""

# The calls do what pytest's do.
# ruff: noqa: D102

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from checker.authoring import testing
from checker.authoring.testing import PARTS, files_named, lanes, run_parts, together
from checker.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from checker.authoring.testing import Part
    from checker.course.places import Places

KNOWN = {part.name: part for part in PARTS}
LABS = (KNOWN["course"], KNOWN["docs"])


class Runs:
    """What pytest was called with, and what it is to answer in turn."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str], _places: Places, _seconds: int) -> int:
        self.commands.append(list(command))
        return self.codes.pop(0)


@pytest.fixture
def places(course: Places) -> Places:
    """Give a checkout with every part of the tests."""
    for part in PARTS:
        (course.root / "tests" / part.name).mkdir(parents=True, exist_ok=True)
    return course


def test_what_waits_for_labs_runs_together_and_the_rest_in_order() -> None:
    names = [[part.name for part in group] for group in together(PARTS)]
    assert names == [
        ["unit"],
        ["integration"],
        ["course", "docs"],
        ["browser"],
        ["engines"],
        ["hub"],
        ["fire"],
    ]
    assert together([KNOWN["docs"]]) == [(KNOWN["docs"],)]


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        (
            "tests/course/test_labs.py::test_it_ends_as_it_must[lab 03 fails own-ledger with wrong/x]",
            "lab 03",
        ),
        ("tests/docs/test_lessons.py::test_the_lesson_runs_as_its_page_says[03-isolation]", "lab 03"),
        ("tests/course/test_lint.py::test_x[12]", "lab 12"),
        ("tests/course/test_lint.py::test_x[1234]", "tests/course/test_lint.py"),
        ("tests/course/test_labs.py::test_there_are_labs", "tests/course/test_labs.py"),
        ("tests/unit/cli/test_lab.py::test_x[12]", "tests/unit/cli/test_lab.py"),
        ("tests/integration/images/test_room.py::test_x", "tests/integration/images/"),
        ("tests/integration/shell/test_ending.py::test_x[12]", "tests/integration/shell/test_ending.py"),
    ],
)
def test_the_tests_of_a_lab_or_of_a_file_stay_together(name: str, scope: str) -> None:
    from tests.lanes import lab_of

    assert lab_of(name) == scope


@dataclass
class Report:
    """What pytest reports of a test, as far as its time depends on it."""

    nodeid: str
    duration: float


@dataclass
class Item:
    """A collected test, as far as its order depends on it."""

    nodeid: str


def test_what_took_longest_is_handed_out_first_and_what_was_never_measured_before_it() -> None:
    from tests.lanes import longest_first

    names = [
        "a.py::one[lab 03 x]",
        "b.py::two",
        "a.py::one[lab 14 x]",
        "c.py::new",
        "a.py::two[14-autoscaling]",
    ]
    items: Any = [Item(name) for name in names]
    longest_first(items, {"lab 03": 20.0, "b.py": 3.0, "lab 14": 500.0})
    assert [names.index(item.nodeid) for item in items] == [3, 2, 4, 0, 1]


def test_a_run_writes_down_what_took_how_long_and_keeps_the_figures_of_what_it_did_not_run(
    tmp_path: Path,
) -> None:
    from tests.lanes import Seconds, read

    file = tmp_path / "seconds.json"
    file.write_text('{"lab 03": 20.0, "lab 14": 1.0}')
    seconds = Seconds(file)
    for name, duration in (
        ("a.py::one[lab 14 x]", 500.04),
        ("a.py::two[14-autoscaling]", 19.0),
        ("b.py::x", 0.3),
    ):
        report: Any = Report(name, duration)
        seconds.pytest_runtest_logreport(report)
    seconds.pytest_sessionfinish()
    assert read(file) == {"lab 03": 20.0, "lab 14": 519.0, "b.py": 0.3}
    assert read(tmp_path / "none.json") == {}


@pytest.mark.parametrize(("processors", "expected"), [(None, 2), (1, 2), (2, 3), (3, 4), (16, 4)])
def test_several_labs_at_once_even_on_a_small_machine_and_not_too_many_on_a_large_one(
    monkeypatch: pytest.MonkeyPatch, processors: int | None, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert lanes(LABS) == expected
    assert lanes([KNOWN["browser"]]) == 2
    assert lanes([KNOWN["hub"]]) == 1


def test_tests_run_side_by_side_two_of_the_browsers_and_one_of_the_class(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(0, 0, 0)
    monkeypatch.setattr(testing, "_run", runs)
    assert run_parts(places, LABS, ["-x"], lambda _: None) is ExitCode.OK
    assert run_parts(places, [KNOWN["browser"]], [], lambda _: None) is ExitCode.OK
    assert run_parts(places, [KNOWN["hub"]], [], lambda _: None) is ExitCode.OK
    labs, browser, hub = runs.commands
    assert str(places.root / "tests" / "course") in labs
    assert str(places.root / "tests" / "docs") in labs
    assert labs[labs.index("--numprocesses") + 1] == str(lanes(LABS))
    assert labs[labs.index("--dist") + 1] == "loadscope"
    assert labs[-1] == "-x"
    assert browser[browser.index("--numprocesses") + 1] == "2"
    assert "--numprocesses" not in hub


def test_a_test_file_that_is_named_runs_alone(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.root / "tests/course/test_it.py").touch()
    runs = Runs(0, 0)
    monkeypatch.setattr(testing, "_run", runs)
    one = "tests/course/test_it.py::test_this[lab 03 x]"
    assert run_parts(places, LABS, ["-x", one], lambda _: None) is ExitCode.OK
    assert run_parts(places, LABS, ["-x", "tests/course/none.py"], lambda _: None) is ExitCode.OK
    alone, beside = runs.commands
    assert one in alone
    folders = {str(places.root / "tests" / part.name) for part in LABS}
    assert not folders & set(alone)
    assert folders < set(beside)


def test_files_are_told_by_their_part_and_other_words_are_none(places: Places) -> None:
    (places.root / "tests/unit/test_a.py").touch()
    here = str(places.root / "tests/browser")
    words = [
        "--ignore",
        "tests/unit/test_a.py",
        "-x",
        "tests/unit/test_a.py::test_b",
        here,
        "tests",
        "README.md",
        "progress",
        "tests/unit/none.py",
    ]
    assert files_named(places, words) == {"unit": ["tests/unit/test_a.py::test_b"], "browser": [here]}


@pytest.mark.parametrize(
    ("parts", "name"), [(LABS, "course and docs"), ([KNOWN["unit"]], "unit")], ids=["labs", "unit"]
)
def test_what_failed_runs_once_more_in_one_lane_and_is_named_unsteady_when_it_passes(
    places: Places, monkeypatch: pytest.MonkeyPatch, parts: list[Part], name: str
) -> None:
    said: list[str] = []
    runs = Runs(1, 0)
    monkeypatch.setattr(testing, "_run", runs)
    assert run_parts(places, parts, [], said.append) is ExitCode.OK
    again = runs.commands[1]
    assert "--last-failed" in again
    assert again[again.index("--numprocesses") + 1] == "1"
    assert any(f"{name}: unsteady" in line for line in said)


@pytest.mark.parametrize("codes", [(1, 1), (2,), (5,)])
def test_what_fails_twice_or_was_never_run_is_no_pass(
    places: Places, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...]
) -> None:
    monkeypatch.setattr(testing, "_run", Runs(*codes))
    assert run_parts(places, LABS, [], lambda _: None) is ExitCode.CHECK_FAILED


def test_other_engines_are_tried_only_when_they_are_named_and_each_case_once(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [part.name for part in PARTS if not part.usual] == ["engines", "hub", "fire"]
    runs = Runs(1)
    monkeypatch.setattr(testing, "_run", runs)
    assert run_parts(places, [KNOWN["engines"]], ["--engine=29"], lambda _: None) is ExitCode.CHECK_FAILED
    assert len(runs.commands) == 1
    assert runs.commands[0][-1] == "--engine=29"


def test_without_the_tests_the_missing_folder_is_named(course: Places, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="tests/unit is missing") as caught:
        run_parts(course, [KNOWN["unit"]], [], lambda _: None)
    assert "checkout" in caught.value.remedy


@pytest.mark.parametrize(
    ("code", "told"), [(0, ExitCode.OK), (1, ExitCode.CHECK_FAILED), (-9, ExitCode.COULD_NOT_RUN)]
)
def test_a_part_that_is_a_program_gets_the_options_and_is_run_once(
    places: Places, monkeypatch: pytest.MonkeyPatch, code: int, told: ExitCode
) -> None:
    runs = Runs(code)
    monkeypatch.setattr(testing, "_run", runs)
    assert run_parts(places, [KNOWN["fire"]], ["--rounds", "3"], print) is told
    assert [command[1:] for command in runs.commands] == [["-m", "tests.fire", "--rounds", "3"]]


def test_tests_that_a_shell_runs_in_the_background_can_be_interrupted(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is ignored stays ignored in a program that is started, and a handler does not.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        folder = places.root / "tests" / "unit"
        (folder / "test_it.py").write_text(
            "import signal\n\ndef test_it():\n    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN\n"
        )
        monkeypatch.setattr(testing, "lanes", lambda _: 1)
        assert run_parts(places, [KNOWN["unit"]], [], lambda _: None) is ExitCode.OK
    finally:
        signal.signal(signal.SIGINT, before)
