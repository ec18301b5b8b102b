"""Checks that are read once and run for several verdicts. No engine is needed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.errors import LabError
from checker.grading.container import Shells
from checker.grading.run import grade
from checker.results import Report, Status
from tests.conftest import Course

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab

HEAD = """
import functools
import pytest
from checker.grading.author import fail, guard, needs, require
"""


@pytest.fixture
def shells() -> Shells:
    return Shells(Engine(Endpoint("tcp://127.0.0.1:1", "test")))


def judge(lab: Lab, shells: Shells, *ids: str) -> Report:
    return grade(lab, shells.engine, lab.folder.parent, shells=shells, only=frozenset(ids) or None)


def statuses(report: Report) -> list[Status]:
    return [check.status for check in report.checks]


def test_the_second_verdict_reads_no_check_file(course: Course, shells: Shells) -> None:
    lab = course.lab(HEAD + 'def test_a():\n    "T"\n', ids=("a",))
    assert judge(lab, shells).passed
    kept = shells.collected
    assert judge(lab, shells).passed
    assert shells.collected is kept


def test_the_second_verdict_is_about_what_is_true_then(course: Course, shells: Shells) -> None:
    checks = """
def test_a(lab):
    "T"
    require((lab.work / "there").exists(), "w", hint="h")
"""
    lab = course.lab(HEAD + checks, ids=("a",))
    assert statuses(judge(lab, shells)) == [Status.FAILED]
    (lab.folder.parent / "there").touch()
    assert statuses(judge(lab, shells)) == [Status.PASSED]


def test_fixtures_are_set_up_for_each_verdict_and_put_back_after_it(course: Course, shells: Shells) -> None:
    helpers = """
@pytest.fixture(scope="session")
def noted(lab):
    with (lab.work / "noted").open("a") as file:
        print("up", file=file)
        yield
        print("down", file=file)
"""
    checks = 'def test_a(noted):\n    "T"\ndef test_b(noted):\n    "T"\n'
    lab = course.lab(HEAD + checks, ids=("a", "b"), files={"checks/conftest.py": HEAD + helpers})
    assert judge(lab, shells).passed
    assert judge(lab, shells).passed
    assert (lab.folder.parent / "noted").read_text(encoding="utf-8").split() == ["up", "down"] * 2


def test_what_a_check_file_caches_is_of_one_verdict(course: Course, shells: Shells) -> None:
    checks = """
@functools.cache
def seen(lab):
    return (lab.work / "there").exists()

@functools.cache
def seen_by_all():
    return []

def test_a(lab):
    "T"
    seen_by_all().append(1)
    require(seen_by_all() == [1], "kept from the verdict before", hint="h")
    require(seen(lab), "w", hint="h")
"""
    lab = course.lab(HEAD + checks, ids=("a",))
    assert statuses(judge(lab, shells)) == [Status.FAILED]
    (lab.folder.parent / "there").touch()
    assert judge(lab, shells).passed


@pytest.mark.parametrize("name", ["checks/test_fake.py", "checks/helper.py", "checks/deeper/text.toml"])
def test_a_file_of_the_checks_that_changed_is_read_again(
    course: Course, shells: Shells, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python would take the bytecode of a file of the same size that was changed in the same second.
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    text = """
from pathlib import Path
from .helper import V
TEXT = Path(__file__).with_name("deeper") / "text.toml"
W = TEXT.read_text()
def test_a():
    "T"
    require(not V and not W, "w", hint="h")
"""
    files = {"checks/__init__.py": "", "checks/helper.py": "V = 0\n", "checks/deeper/text.toml": ""}
    lab = course.lab(HEAD + text, ids=("a",), files=files)
    assert judge(lab, shells).passed
    before = (lab.folder / name).read_text(encoding="utf-8")
    (lab.folder / name).write_text(
        before.replace("V = 0", "V = 1").replace("not V", "not 1") or "not empty", encoding="utf-8"
    )
    assert statuses(judge(lab, shells)) == [Status.FAILED]


@pytest.mark.parametrize("name", ["__pycache__/helper.cpython-311.pyc.1234", ".helper.py.swp"])
def test_a_file_that_goes_while_the_checks_are_looked_at_is_none_of_them(
    course: Course, shells: Shells, name: str
) -> None:
    lab = course.lab(HEAD + 'def test_a():\n    "T"\n', ids=("a",))
    gone = lab.folder / "checks" / name
    gone.parent.mkdir(exist_ok=True)
    gone.symlink_to("nowhere")  # it is listed, and is not there
    assert judge(lab, shells).passed


def test_modules_of_the_same_name_in_two_labs_are_told_apart(tmp_path: Path, shells: Shells) -> None:
    def files(said: str) -> dict[str, str]:
        return {"checks/__init__.py": "", "checks/helper.py": f"V = {said!r}\n"}

    text = """
def test_a():
    "T"
    from .helper import V
    fail(V, hint="h")
"""
    one = Course(tmp_path / "one").lab(HEAD + text, ids=("a",), files=files("one"))
    other = Course(tmp_path / "other").lab(HEAD + text, ids=("a",), files=files("other"))
    before = set(sys.modules)
    elsewhere = Shells(shells.engine)
    found = [judge(one, shells), judge(other, elsewhere), judge(one, shells), judge(other, elsewhere)]
    reasons = [check.failure.rationale for report in found for check in report.checks if check.failure]
    assert reasons == ["one", "other", "one", "other"]
    assert not [name for name in set(sys.modules) - before if "helper" in name]


def test_some_checks_alone_come_from_those_that_were_read(course: Course, shells: Shells) -> None:
    checks = """
def test_a():
    "T"
@needs("a")
def test_b():
    "T"
def test_c():
    "T"
@guard
def test_g():
    "T"
"""
    lab = course.lab(HEAD + checks, ids=("a", "b", "c"))
    found = [[check.id for check in judge(lab, shells, *ids).checks] for ids in ((), ("b",), ("c",), ())]
    assert found == [["g", "a", "b", "c"], ["g", "a", "b"], ["g", "c"], ["g", "a", "b", "c"]]


def test_after_an_interruption_the_next_verdict_is_whole(course: Course, shells: Shells) -> None:
    helpers = """
@pytest.fixture(scope="session")
def once(lab):
    (lab.work / "up").touch(exist_ok=False)
    yield
    (lab.work / "up").unlink()
"""
    checks = """
def test_a(lab, once):
    "T"
    if not (lab.work / "again").exists():
        (lab.work / "again").touch()
        raise KeyboardInterrupt
"""
    lab = course.lab(HEAD + checks, ids=("a",), files={"checks/conftest.py": HEAD + helpers})
    with pytest.raises(KeyboardInterrupt):
        judge(lab, shells)
    assert not (lab.folder.parent / "up").exists()
    assert judge(lab, shells).passed


def test_check_files_that_cannot_be_read_are_not_kept(course: Course, shells: Shells) -> None:
    lab = course.lab(HEAD + 'def test_a():\n    "T"\n', ids=("a",))
    file = lab.folder / "checks" / "test_fake.py"
    right = file.read_text(encoding="utf-8")
    file.write_text("def test_a(:", encoding="utf-8")
    with pytest.raises(LabError, match="cannot be used"):
        judge(lab, shells)
    file.write_text(right, encoding="utf-8")
    assert judge(lab, shells).passed
