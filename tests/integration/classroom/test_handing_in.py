"""An answer goes from a learner's machine to a grade on a real engine, in a copy of the course; a forged one comes out as forged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from checker.classroom import register
from checker.classroom.archive import pack, read
from checker.classroom.result import Evidence, Result
from checker.classroom.whose_values import whose
from checker.course.catalogue import Catalogue
from checker.course.places import Places
from tests.unit.classroom.classes import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
NUMBER = "97"


class Learner:
    """`lab` in a copy of the course, as one person on one machine."""

    def __init__(self, root: Path, state: Path | None = None) -> None:
        self.root = root
        # A learner beside others on the same course has a state and a work folder of their own.
        self._own = {"DRYDOCK_STATE": f"{state}/state", "DRYDOCK_WORK": f"{state}/work"} if state else {}

    def lab(self, *words: str, codes: tuple[int, ...] = (0,)) -> list[str]:
        """Run a command, and return the lines that it printed."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "checker", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "DRYDOCK_COURSE": str(self.root), **self._own},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Learner]:
    """Give a learner with a new lab of its own, which is stopped at the end."""
    root = tmp_path / "Kürs von Ada"
    shutil.copytree(ROOT / "labs/scenes", root / "labs/scenes")
    shutil.copytree(ROOT / "images", root / "images")
    (root / "docs/lessons").mkdir(parents=True)
    (root / "mkdocs.yml").write_text("site_name: A course\n")
    found = Learner(root)
    found.lab("new", f"{NUMBER}-first-door", "--yes")
    try:
        yield found
    finally:
        found.lab("stop", NUMBER, "--take", "--yes", codes=(0, 3))


def test_an_answer_is_handed_in_graded_again_and_exported_twice_alike(
    learner: Learner, tmp_path: Path
) -> None:
    slug = f"{NUMBER}-first-door"
    solution = learner.root / "labs" / slug / "solution"
    learner.lab("start", NUMBER)
    # As a learner would: files in the work folder, commands in the toolbox.
    if (solution / "files").is_dir():
        shutil.copytree(solution / "files", learner.root / "work" / slug, dirs_exist_ok=True)
    typed = (solution / "run.sh").read_text() if (solution / "run.sh").is_file() else "true\n"
    learner.lab("shell", NUMBER, "--command", typed)
    handed = tmp_path / "handed"
    learner.lab("submit", NUMBER, "--name", "Ada", "--to", str(handed), "--yes")
    learner.lab("stop", NUMBER)

    (file,) = handed.iterdir()
    ada = read(file)
    assert [each.text.strip() for each in ada.submission.typed] == [typed.strip()]
    forged = msgspec.structs.replace(ada.submission, learner="Mallory", typed=())
    pack(handed / f"{NUMBER}-mallory.drydock.tar.gz", forged, {})
    (handed / "half.drydock.tar.gz").write_bytes(file.read_bytes()[:300])

    lines = learner.lab("class", "verify", str(handed), "--json", "--yes", codes=(1,))
    results = {each.learner: each for line in lines for each in [msgspec.json.decode(line, type=Result)]}
    assert results["Ada"].evidence is Evidence.VERIFIED
    assert results["Mallory"].evidence is Evidence.CLAIMED
    assert results["Mallory"].refuted
    assert results[""].refused
    # A second run has nothing to do, and finds the same.
    again = learner.lab("class", "verify", str(handed), "--json", "--yes", codes=(1,))
    assert sorted(again) == sorted(lines)

    first, second = tmp_path / "1", tmp_path / "2"
    for target in (first, second):
        said = json.loads(learner.lab("class", "export", str(handed), "--to", str(target), "--json")[0])
        points = {each["learner"]: each["points"] for each in said["grades"]}
        assert points == {"Ada": 100.0, "Mallory": 0.0}
    assert {each.name: each.read_bytes() for each in first.iterdir()} == {
        each.name: each.read_bytes() for each in second.iterdir()
    }


@pytest.fixture
def two(learner: Learner, tmp_path: Path) -> Iterator[tuple[Learner, Learner]]:
    """Give Ada and Ben, who have a state of their own on one course; at the end they leave their class, and nothing sends."""
    found = Learner(learner.root, tmp_path / "ada"), Learner(learner.root, tmp_path / "ben")
    yield found
    for each in found:
        each.lab("class", "leave", "--yes", codes=(0, 2))


VALUES = """
[values.name]
title = "the name that the copy answers with"
lesson = "north"
choices = ["anchor", "bridge", "castle"]

[[steps]]"""

CHECK = """
    lab.require_value("name", said, says="The copy answers with", source="curl")
    require(
        lab.course_lab.seed or said == INSTANCE,"""


def with_values(folder: Path) -> None:
    """Let the name that the template's lab asks for differ from learner to learner."""
    toml, checks = folder / "lab.toml", folder / "checks/test_lab.py"
    toml.write_text(toml.read_text().replace("\n[[steps]]", VALUES, 1))
    before = checks.read_text()
    after = before.replace("says_its_name(outside", "says_its_name(lab: Lab, outside", 1)
    checks.write_text(after.replace("\n    require(\n        said == INSTANCE,", CHECK, 1))
    assert checks.read_text().count("lab.require_value") == 1


def test_an_answer_with_a_neighbours_values_fails_and_says_whose_they_are(
    learner: Learner, two: tuple[Learner, Learner], tmp_path: Path
) -> None:
    slug = f"{NUMBER}-first-door"
    with_values(learner.root / "labs" / slug)
    places = Places(learner.root, learner.root)
    held_in = places.state / register.FOLDER
    held = Held(held_in, Catalogue(places), own_values=True)
    ada, ben = two
    ada.lab("class", "join", held.opened.invitation.text, "--name", "Ada")
    ben.lab("class", "join", held.opened.invitation.text, "--name", "Ben")
    held.end()
    theirs, bens = (
        json.loads(each.lab("values", NUMBER, "--json")[0])["values"]["name"] for each in (ada, ben)
    )
    assert theirs != bens

    assert theirs in "\n".join(ada.lab("start", NUMBER))
    typed = (learner.root / "labs" / slug / "solution/run.sh").read_text()
    ada.lab("shell", NUMBER, "--command", typed)
    said = "\n".join(ada.lab("check", NUMBER, codes=(1,)))
    assert "That is the lesson's value, not yours." in said
    assert f"the name that the copy answers with: {theirs}" in said
    ada.lab("shell", NUMBER, "--command", f"docker rm -f first-door; {typed.replace('north', theirs)}")
    handed = tmp_path / "handed"
    ada.lab("submit", NUMBER, "--to", str(handed), "--yes")
    ada.lab("stop", NUMBER)

    (file,) = handed.iterdir()
    packed = read(file)
    assert (packed.submission.learner, packed.submission.values) == ("Ada", whose(held_in).seeds["ada"])
    for name, seed in (("Ben", packed.submission.values), ("Eve", "")):
        copied = msgspec.structs.replace(packed.submission, learner=name, values=seed)
        pack(handed / f"{name}.drydock.tar.gz", copied, packed.files)
    lines = learner.lab("class", "verify", str(handed), "--json", "--yes", codes=(1,))
    results = {each.learner: each for line in lines for each in [msgspec.json.decode(line, type=Result)]}
    assert results["Ada"].evidence is Evidence.VERIFIED
    assert results["Ben"].refuted == ("says-its-name",)
    (why,) = (check.why for check in results["Ben"].checks if check.refuted)
    assert (
        why
        == f"The copy answers with `{theirs}`. That is not your value: it is given to other learners of the class."
    )
    assert "made with the values of Ada, not with those of Ben" in results["Ben"].note
    assert "nobody in it is called Eve" in results[""].refused

    lines = learner.lab("verify", NUMBER, "--values", "anybody", "--only", "solution")
    assert lines[-1] == "3 of 3 answers ended as expected."
