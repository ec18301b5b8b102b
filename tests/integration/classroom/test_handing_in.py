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

from checker.classroom.regrade import Evidence, Result
from checker.classroom.submission import pack, read

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
NUMBER = "97"


class Learner:
    """`lab` in a copy of the course, as one person on one machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def lab(self, *words: str, codes: tuple[int, ...] = (0,)) -> list[str]:
        """Run a command, and return the lines that it printed."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "checker", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "DRYDOCK_COURSE": str(self.root)},
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
        found.lab("stop", NUMBER, "--yes", codes=(0, 3))


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
