"""Faults as the learner meets them, through the command: a message with what to do, and the right exit code."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

from checker.grading.author import wait_until
from tests.integration.conftest import COMPOSE, NEVER_READY, spawn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from checker.engine.api import Engine
    from checker.scene.scene import Scene
    from tests.conftest import Course

    Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_damaged_record_is_set_aside_and_the_verdict_comes(scene: Scene, lab: Run, course: Course) -> None:
    scene.start(lambda _: None)
    file = course.places.state / "progress.sqlite3"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"damaged" * 1000)
    done = lab("check", scene.lab.number)
    assert done.returncode == 0, done.stderr
    assert "was damaged" in done.stderr
    assert "The check passes." in done.stdout
    assert list(file.parent.glob("*.damaged-*"))


def test_a_record_that_cannot_be_written_does_not_hide_the_verdict(
    scene: Scene, lab: Run, course: Course
) -> None:
    scene.start(lambda _: None)
    assert lab("check", scene.lab.number).returncode == 0
    with sqlite3.connect(course.places.state / "progress.sqlite3") as db:
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON attempt BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
    db.close()
    done = lab("check", scene.lab.number)
    assert done.returncode == 0
    assert "The check passes." in done.stdout
    assert "disk is full" in done.stderr


def test_a_state_folder_that_is_a_file_is_named(scene: Scene, lab: Run, course: Course) -> None:
    scene.start(lambda _: None)
    shutil.rmtree(course.places.state)
    course.places.state.write_text("")
    done = lab("check", scene.lab.number)
    assert "Traceback" not in done.stderr
    assert "DRYDOCK_STATE" in done.stderr


def test_a_scene_that_never_gets_ready_shows_its_last_words(lab: Run, course: Course) -> None:
    number = course.lab(files={"compose.yaml": COMPOSE + NEVER_READY}).number
    done = lab("start", number)
    assert done.returncode == 3
    assert "did not become ready" in done.stderr
    assert "the disk is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_check_that_is_interrupted_ends_at_once_and_leaves_nothing(
    scene: Scene, course: Course, engine: Engine
) -> None:
    import signal

    scene.start(lambda _: None)
    text = (
        'def test_it_holds(lab):\n    """It holds"""\n'
        '    box = lab.run("drydock/toolbox:1.0", command=["sleep", "1000"])\n    box.exec("sleep 2000", 60)\n'
    )
    course.write("checks/test_fake.py", text)
    label = {"io.drydock.lab": scene.lab.number, "io.drydock.role": "checker"}
    process = spawn(course, "check", scene.lab.number)

    def sleeps() -> bool:
        # The engine refuses to list the processes of a container that is made but not started yet.
        found = [item for item in engine.list_all("containers", labels=label) if item["State"] == "running"]
        return bool(found) and "sleep 2000" in str(engine.get(f"/containers/{found[0]['Id']}/top"))

    assert wait_until(sleeps, 30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "Traceback" not in err
    # The engine lists what it has removed for a moment longer.
    assert wait_until(lambda: engine.list_all("containers", labels=label) == [], 3)


def test_a_learner_without_a_terminal_is_asked_nothing(scene: Scene, lab: Run) -> None:
    scene.start(lambda _: None)
    (scene.work / "notes.txt").write_text("mine\n")
    done = lab("reset", scene.lab.number)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert (scene.work / "notes.txt").read_text() == "mine\n"
    done = lab("reset", scene.lab.number, "--yes")
    assert done.returncode == 0, done.stderr
    assert "Your files were set aside" in done.stdout
    assert (scene.work / "notes.txt").read_text() == "given\n"
