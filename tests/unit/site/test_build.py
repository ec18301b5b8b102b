"""Building the pages: when, and what is said when it fails."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.site import build

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.places import Places


def builds(course: Places) -> int:
    notes = course.root / "builds"
    return len(notes.read_text().splitlines()) if notes.exists() else 0


def test_pages_are_built_once_and_again_only_when_something_changed(course: Places) -> None:
    assert build.build(course)
    assert not build.build(course)
    assert builds(course) == 1
    (course.docs / "index.md").write_text("# Ships\n")
    assert build.build(course)
    assert builds(course) == 2


def test_a_changed_file_of_a_lab_counts_because_pages_include_it(course: Places) -> None:
    build.build(course)
    (course.labs / "01-boat/lab.toml").write_text('title = "Ship"\n')
    assert not build.is_current(course)


def test_a_renamed_page_counts(course: Places) -> None:
    build.build(course)
    (course.docs / "index.md").rename(course.docs / "home.md")
    assert not build.is_current(course)


def test_pages_that_were_removed_are_built_again(course: Places) -> None:
    build.build(course)
    (build.html(course) / "index.html").unlink()
    assert build.build(course)


def test_a_build_that_fails_leaves_the_pages_that_were_there(
    course: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.build(course)
    (course.docs / "index.md").write_text("# Ships\n")

    def broken(_root: Path, _target: Path, *, strict: bool = False) -> None:
        raise LabError("The pages could not be built.")

    monkeypatch.setattr(build, "run_mkdocs", broken)
    with pytest.raises(LabError):
        build.build(course)
    assert (build.html(course) / "index.html").is_file()
    assert not build.is_current(course)


def test_what_an_interrupted_build_left_is_swept_away(course: Places) -> None:
    left = build.folder(course) / "html.new"
    left.mkdir(parents=True)
    (left / "half.html").write_text("half")
    build.build(course)
    assert not left.exists()
    assert not (build.html(course) / "half.html").exists()


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> object:
    """Let the builder's process be one line of Python."""
    real = subprocess.run

    def with_code(code: str) -> None:
        def run(_command: list[str], **options: object) -> object:
            return real([sys.executable, "-c", code], **options)  # type: ignore[call-overload]

        monkeypatch.setattr(subprocess, "run", run)

    return with_code


def test_the_builders_last_lines_are_shown(tmp_path: Path, answering: object) -> None:
    assert callable(answering)
    answering("for n in range(40): print('line', n)\nraise SystemExit(1)")
    with pytest.raises(LabError) as caught:
        build.run_mkdocs(tmp_path, tmp_path / "html")
    assert caught.value.detail.splitlines()[0] == "line 28"
    assert caught.value.detail.splitlines()[-1] == "line 39"


def test_a_builder_that_hangs_is_ended_and_said(
    tmp_path: Path, answering: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(answering)
    monkeypatch.setattr(build, "TIMEOUT", 0.2)
    answering("import signal; signal.pause()")
    with pytest.raises(LabError, match=r"longer than 0\.2 s"):
        build.run_mkdocs(tmp_path, tmp_path / "html")
