"""`lab verify` with answers from a folder anywhere: each is reported as it ends, and what wavers is named."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import connect
from checker.grading.author import wait_until
from tests.conftest import TOOLS
from tests.integration.conftest import COMPOSE, spawn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.engine.api import Engine
    from tests.conftest import Course

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.engine

CHECKS = """
import pathlib
from checker.grading.author import require

def test_says_done(lab):
    \"\"\"The note says done\"\"\"
    seen = (lab.work / "notes.txt").read_text()
    require("done" in seen, "The note does not say done.", seen=seen.strip(), hint="Read it.")

def test_steady(lab):
    \"\"\"It is steady\"\"\"
    runs = pathlib.Path(RUNS)
    with runs.open("a") as log:
        log.write(".")
    require("maybe" not in (lab.work / "notes.txt").read_text() or len(runs.read_text()) % 2, "It wavered.", hint="x")
"""


@pytest.fixture
def number(course: Course, tmp_path: Path) -> str:
    """Give the number of a fake lab with two checks, the second of which wavers where a note says maybe."""
    checks = CHECKS.replace("RUNS", repr(str(tmp_path / "runs")))
    files = {"compose.yaml": COMPOSE, "start/notes.txt": "given\n"}
    return course.lab(checks, ids=("says-done", "steady"), files=files).number


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Give a teacher's folder: a right answer by a script, and wrong ones by files and by a script that fails."""
    folder = tmp_path / "Lösungen der Klasse"
    for name, file, text in (
        ("ada", "run.sh", "echo done > notes.txt\n"),
        ("bob", "files/notes.txt", "not yet\n"),
        ("cyd", "run.sh", "echo done > notes.txt; exit 3\n"),
    ):
        (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / file).write_text(text)
        (folder / name / "answer.toml").write_text(f"title = 'by {name}'\n")
    return folder


def test_each_answer_of_a_folder_is_reported_passed_or_with_its_check_and_reason(
    number: str, answers: Path, lab: Run, course: Course
) -> None:
    done = lab("verify", number, "--answers", str(answers), "--json")
    *proofs, totals = map(json.loads, done.stdout.splitlines())
    found = {proof["answer"]: proof for proof in proofs if proof["lab"] == course.slug}
    assert totals == {
        "proofs": 3,
        "as_expected": 0,
        "not_as_expected": 0,
        "nothing_expected": 3,
        "passed": 2,
        "interrupted": False,
    }
    assert set(found) == {"answer/ada", "answer/bob", "answer/cyd"}
    assert found["answer/ada"]["verdict"] == "passed"
    assert (found["answer/bob"]["verdict"], found["answer/bob"]["check"]) == ("failed", "says-done")
    assert "does not say done" in json.dumps(found["answer/bob"])
    assert "ended with 3" in json.dumps(found["answer/cyd"])
    shown = lab("verify", number, "--answers", str(answers))
    for word in ("answer/ada", "failed: says-done", "does not say done", "ended with 3"):
        assert word in shown.stdout + shown.stderr, word


def test_an_answer_that_ends_differently_each_time_is_named(
    number: str, tmp_path: Path, lab: Run, course: Course
) -> None:
    answer = tmp_path / "wavering"
    answer.mkdir()
    (answer / "run.sh").write_text("echo done maybe > notes.txt\n")
    (answer / "answer.toml").write_text("title = 'wavers'\n")
    done = lab("verify", number, "--answers", str(answer.parent / "wavering"), "--repeat", "3")
    assert "wavering" in done.stdout
    assert "Flaky: lab" in done.stdout
    assert "ended as failed steady and as passed." in done.stdout


SLOW = "echo done > notes.txt; docker volume create --label io.drydock.lab=$DRYDOCK_LAB left; exec sleep 60\n"
BROUGHT = "drydock-test-brought:1"


@pytest.fixture
def at_work(number: str, answers: Path, course: Course) -> Iterator[subprocess.Popen[str]]:
    """Give a `lab verify` that has proven one answer and is in the middle of the next."""
    (answers / "bob" / "run.sh").write_text(f"docker tag {TOOLS} {BROUGHT}\n{SLOW}")
    process = spawn(course, "verify", number, "--answers", str(answers), "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["answer"] == "answer/ada"
    engine = connect()
    assert wait_until(lambda: any(each["Name"] == "left" for each in engine.list_all("volumes")), 30)
    yield process
    process.kill()
    process.communicate()


def of_lab(engine: Engine, number: str) -> list[str]:
    """Name what there is of a lab on the engine."""
    labels = {"io.drydock.lab": number}
    return [
        str(item.get("Name") or item["Id"])
        for kind in ("containers", "networks", "volumes")
        for item in engine.list_all(kind, labels=labels)
    ]


def test_ended_by_a_signal_it_removes_what_it_made_and_keeps_what_it_has_proven(
    at_work: subprocess.Popen[str], number: str, engine: Engine
) -> None:
    at_work.send_signal(signal.SIGTERM)
    out, _ = at_work.communicate(timeout=60)
    assert at_work.returncode == 128 + signal.SIGTERM
    totals = json.loads(out.splitlines()[-1])
    assert (totals["proofs"], totals["interrupted"]) == (1, True)
    assert of_lab(engine, number) == []


def test_a_start_does_not_take_a_killed_proof_for_the_learners_work(
    at_work: subprocess.Popen[str], number: str, lab: Run, engine: Engine, course: Course
) -> None:
    assert engine.image(BROUGHT) is not None
    at_work.kill()
    at_work.communicate(timeout=60)
    checked = lab("check", number)
    assert checked.returncode == 3
    assert "are not yours" in checked.stderr
    started = lab("start", number)
    assert started.returncode == 0
    assert "removing what an interrupted `lab verify` left" in started.stderr
    assert "left" not in of_lab(engine, number)
    assert engine.image(BROUGHT) is None
    assert list((course.places.state / "verify").iterdir()) == []
    assert lab("check", number).returncode == 1
    assert lab("stop", number).returncode == 0
    assert of_lab(engine, number) == []


def test_a_folder_without_answers_is_misuse(number: str, tmp_path: Path, lab: Run) -> None:
    (tmp_path / "empty").mkdir()
    done = lab("verify", number, "--answers", str(tmp_path / "empty"))
    assert done.returncode == 2
    assert "empty" in done.stderr
