"""What the tests of a class share: a report, a submission of a learner, and an archive of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.classroom.archive import SUFFIX, pack, read
from checker.classroom.submission import HandedIn, Submission, digest
from checker.course.contents import Entry, Kind
from checker.results import CheckResult, Failure, Report, Status
from checker.results import Kind as CheckKind
from checker.scene.typed import Typed

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from tests.conftest import Course

CHECKS = ("it-answers", "it-holds", "it-lasts")


def report_of(lab: Lab, *passed: str, guard: Status = Status.PASSED) -> Report:
    checks = [
        CheckResult(
            id=name,
            title=name.replace("-", " "),
            status=Status.PASSED if name in passed else Status.FAILED,
            step=1,
            failure=None
            if name in passed
            else Failure(rationale=f"{name} is not so.", hint="Look.", reason=f"t:{name}"),
        )
        for name in lab.check_ids
    ]
    checks.append(CheckResult(id="untouched", title="untouched", status=guard, kind=CheckKind.GUARD))
    return Report(
        lab=lab.slug,
        title=lab.toml.title,
        checks=tuple(checks),
        started="2026-01-05T10:00:00.000+00:00",
        ms=12.0,
    )


class Handing:
    """Writes archives of a lab into a folder, as learners would."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        folder.mkdir()

    def submission(self, learner: str = "Ada", **changes: Any) -> Submission:
        """Return a manifest; by default every check passed."""
        usual: dict[str, Any] = {
            "lab": self.lab.slug,
            "course": digest(self.lab),
            "learner": learner,
            "made": "2026-01-05T10:01:00+00:00",
            "report": report_of(self.lab, *CHECKS),
            "attempts": 3,
            "hints": 1,
            "typed": (Typed(1, f"docker run {learner}"),),
        }
        return Submission(**{**usual, **changes})

    def file(self, learner: str = "Ada", *, files: dict[str, bytes] | None = None, **changes: Any) -> Path:
        """Write an archive and return its path."""
        made = self.folder / f"{len(list(self.folder.iterdir())):02}{SUFFIX}"
        given = files if files is not None else {"answer.txt": learner.encode()}
        pack(
            made,
            self.submission(learner, **changes),
            {name: Entry(Kind.FILE, data, runs=name.endswith(".sh")) for name, data in given.items()},
        )
        return made

    def handed(self, learner: str = "Ada", **changes: Any) -> HandedIn:
        """Write an archive and read it again."""
        return read(self.file(learner, **changes))


@pytest.fixture
def lab(course: Course) -> Lab:
    steps = f'[[steps]]\ntitle = "One"\nchecks = {list(CHECKS)}\n'
    course.write(
        "lab.toml",
        f'title = "A fake lab"\nclaim = "A claim."\nsummary = "For the tests."\npart = "containers"\nminutes = 5\n{steps}',
    )
    course.write("compose.yaml", "services: {}\n")
    course.write("checks/test_it.py", "def test_it_answers():\n    pass\n")
    course.write("start/README.txt", "Read this.\n")
    return course.catalogue.find(course.number)


@pytest.fixture
def handing(lab: Lab, tmp_path: Path) -> Handing:
    return Handing(lab, tmp_path / "handed")
