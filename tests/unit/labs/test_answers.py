"""Answers of the course say only what differs from the answers that they are based on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from checker.authoring.new import TEMPLATE
from checker.course import difference
from checker.course.answer import CHANGES, FILES, SCRIPT
from checker.course.catalogue import Catalogue, Lab
from checker.course.model import LabToml
from checker.course.places import find
from checker.course.toml import read_toml
from tests.conftest import ROOT

if TYPE_CHECKING:
    from checker.course.answer import Answer

SAMPLE = Lab(TEMPLATE / "lab", read_toml(TEMPLATE / "lab" / "lab.toml", LabToml))
LABS = [*Catalogue(find(ROOT)), SAMPLE]
EVERY_LAB = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)


def everything(lab: Lab) -> list[Answer]:
    """Return all that the lab has in the form of an answer."""
    steps = [lab.step_answer(number) for number in range(2, len(lab.toml.steps) + 1)]
    return [*lab.bases, *filter(None, steps), *lab.answers]


def lines_in_folder(answer: Answer) -> int:
    """Count the lines of files, script and changes that its author has to write."""
    changes = answer.folder / CHANGES
    held = [entry.data for entry in answer.own.values()]
    held += [changes.read_bytes()] if changes.is_file() else []
    return sum(len(data.splitlines()) for data in held)


def lines(answer: Answer) -> int:
    """Count the lines of its files and its script, its base included."""
    return sum(len(entry.data.splitlines()) for entry in answer.contents.values())


@EVERY_LAB
def test_an_answer_that_is_based_on_another_is_shorter_than_a_whole_one(lab: Lab) -> None:
    for answer in everything(lab):
        if answer.base is not None:
            assert lines_in_folder(answer) < lines(answer), f"{answer.name}: write it whole"


@EVERY_LAB
def test_no_answer_repeats_a_file_of_its_base(lab: Lab) -> None:
    for answer in everything(lab):
        assert not answer.repeated, f"{answer.name}: remove {', '.join(answer.repeated)}"


def lines_if_based_on(answer: Answer, base: Answer) -> int:
    """Count the lines that its folder would have as a difference from another answer."""
    count = 0
    for name, entry in answer.contents.items():
        whole, below = len(entry.data.splitlines()), base.contents.get(name)
        if below is None or below.text is None or entry.text is None:
            count += whole * (below != entry)
        else:
            count += min(whole, len(difference.written(name, below.text, entry.text).splitlines()))
    return count


def depth(answer: Answer) -> int:
    """Count the answers below one."""
    return 1 + depth(answer.base) if answer.base else 0


@EVERY_LAB
def test_no_answer_is_whole_that_is_half_as_long_as_a_difference(lab: Lab) -> None:
    right = [answer for answer in everything(lab) if answer.kind != "wrong"]
    for answer in everything(lab):
        if answer.base or answer.kind in {"solution", "base"}:
            continue
        others = [
            each for each in right if depth(each) <= (answer.kind == "wrong") and each.name != answer.name
        ]
        if answer.kind != "wrong":
            others = [each for each in others if each.kind in {"solution", "step"}]
        for base in others:
            less = lines_if_based_on(answer, base)
            assert lines(answer) < 2 * less or lines(answer) - less < 4, (
                f"{answer.name} repeats {base.name}: {less} lines based on it, not {lines(answer)}"
            )


def test_many_answers_are_based_on_others() -> None:
    assert sum(answer.base is not None for lab in LABS for answer in everything(lab)) > 50


@EVERY_LAB
def test_an_answers_folder_has_nothing_that_is_never_read(lab: Lab) -> None:
    for answer in everything(lab):
        read = {"answer.toml", SCRIPT, FILES.rstrip("/"), CHANGES}
        assert {path.name for path in answer.folder.iterdir()} <= read, answer.name


@EVERY_LAB
def test_a_base_is_shared_by_several_answers(lab: Lab) -> None:
    used = Counter(answer.toml.based_on for answer in everything(lab))
    for base in lab.bases:
        assert used[base.name] >= 2, f"{base.name}: give its files to the answer that uses it"
