"""The tests' own runner for real: labs side by side, what fails is shown whole, tried once more, and named."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from checker.authoring.testing import PARTS, run_parts
from checker.errors import ExitCode
from tests.conftest import ROOT

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Course

CONFTEST = """
import sys

sys.path.insert(0, CHECKOUT)
from tests.conftest import pytest_xdist_make_scheduler
"""

TESTS = """
import os, pathlib, pytest

HERE = pathlib.Path(__file__).parent

@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("lab", ["01", "02"])
def test_part(lab, part):
    with (HERE / f"{lab}.log").open("a") as log:
        print(os.environ["PYTEST_XDIST_WORKER"], file=log)
    if (lab, part) == ("02", 1) and not (HERE / "tried").exists():
        (HERE / "tried").touch()
        assert "what was seen" == "what was expected"
"""


def test_two_labs_run_beside_each_other_and_what_fails_once_is_shown_and_named(
    course: Course, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = [part for part in PARTS if part.by_lab]
    for part in parts:
        folder = course.root / "tests" / part.name
        folder.mkdir(parents=True)
    (course.root / "tests" / "conftest.py").write_text(CONFTEST.replace("CHECKOUT", repr(str(ROOT))))
    folder = course.root / "tests" / "course"
    (folder / "test_labs.py").write_text(textwrap.dedent(TESTS))
    said: list[str] = []
    assert run_parts(course.places, parts, [], said.append) is ExitCode.OK
    out = capfd.readouterr().out
    assert "1 failed, 5 passed" in out
    assert "assert 'what was seen' == 'what was expected'" in out
    assert "1 passed" in out.partition("1 failed, 5 passed")[2], "only what failed ran once more"
    assert any("unsteady" in line for line in said)
    # Each lab had one process to itself, and the two were not the same.
    workers = {name: (folder / f"{name}.log").read_text().split() for name in ("01", "02")}
    assert len(workers["01"]) == 3
    assert len(set(workers["01"])) == len(set(workers["02"][:3])) == 1
    assert workers["01"][0] != workers["02"][0]
