"""The verbs of a learner's day, as processes, on a small lab of the tests' own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from checker.scene.scene import Scene
    from tests.conftest import Course

    Run = Callable[..., subprocess.CompletedProcess[str]]

CHECKS = '''
from checker.grading.author import require

def test_it_holds(lab):
    """The note says done"""
    require("done" in (lab.work / "notes.txt").read_text(), "The note does not say done.", hint="Read it.")
'''
BREAKS = '''
from pathlib import Path

from checker.grading.author import require

def test_it_holds(lab):
    """The node comes back"""
    lab.disturb("kills a node")
    with Path("%s").open("a") as file:
        file.write("x")
    require(False, "The node did not come back.", hint="Who starts it again?")
'''
HINTS = '[hints]\nit-holds = ["first rung", "second rung", "third rung"]\n'


@pytest.fixture
def started(scene: Scene, course: Course) -> Scene:
    """Give the fake lab, started, with one check that fails until a note says "done", and its ladder."""
    toml = course.folder / "lab.toml"
    toml.write_text(toml.read_text() + HINTS)
    course.write("checks/test_fake.py", CHECKS)
    course.write("solution/answer.toml", "title = 'Write it down'\n")
    course.write("solution/run.sh", "echo done > notes.txt\n")
    scene.start(lambda _: None)
    return scene


def test_hints_climb_and_end_at_the_last_and_a_reset_starts_them_anew(started: Scene, lab: Run) -> None:
    number = started.lab.number
    said = [json.loads(lab("hint", number, "--json").stdout) for _ in range(4)]
    assert [each["rung"] for each in said] == [1, 2, 3, 3]
    assert said[1]["hint"] == "second rung"
    assert lab("reset", number, "--yes").returncode == 0
    assert "first rung" in lab("hint", number).stdout


def test_the_solution_is_shown_put_in_place_and_passes(started: Scene, lab: Run) -> None:
    number = started.lab.number
    assert lab("check", number).returncode == 1
    assert lab("solve", number).returncode == 2
    shown = lab("solve", number, "--show", "--yes")
    assert "echo done > notes.txt" in shown.stdout
    assert lab("check", number).returncode == 1
    done = lab("solve", number, "--yes")
    assert done.returncode == 0, done.stderr
    assert lab("check", number).returncode == 0
    assert "passed, after seeing the solution" in lab("list").stdout
    assert "pass" in lab("hint", number).stdout


def test_variables_for_a_shell_of_ones_own_can_be_evaluated(started: Scene, lab: Run) -> None:
    number = started.lab.number
    lines = lab("env", number, "--shell", "sh").stdout
    done = subprocess.run(
        ["/bin/sh", "-c", f'{lines}\nprintf "%s|%s" "$COMPOSE_PROJECT_NAME" "$DRYDOCK_LAB"'],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == f"{started.lab.project}-work|{number}"
    assert json.loads(lab("env", number, "--json").stdout)["DRYDOCK_LAB"] == number


class Terminal:
    """`lab` on a terminal of 80 columns."""

    def __init__(self, course: Course, *words: str) -> None:
        self._near, far = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "checker", *words],
            cwd=ROOT,
            env={**os.environ, **course.environment(), "PYTHONPATH": str(ROOT), "TERM": "xterm"},
            stdin=far,
            stdout=far,
            stderr=far,
        )
        os.close(far)
        self.said = ""
        self._read = 0
        """How far a test has read."""

    def until(self, text: str, seconds: float = 20.0) -> float:
        """Read until a text appears, and return how long it took."""
        start = time.monotonic()
        while text not in self.said[self._read :]:
            left = start + seconds - time.monotonic()
            assert left > 0, f"“{text}” did not come; the terminal shows: {self.said[self._read :]}"
            if select.select([self._near], [], [], left)[0]:
                self.said += os.read(self._near, 65536).decode(errors="replace")
        self._read = self.said.index(text, self._read) + len(text)
        return time.monotonic() - start

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._near, keys.encode())

    def close(self) -> int:
        """Wait for its end and return its exit code."""
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            os.close(self._near)


@pytest.fixture
def terminal(course: Course) -> Iterator[Callable[..., Terminal]]:
    """Give a function that runs `lab` on a terminal."""
    opened: list[Terminal] = []

    def run(*words: str) -> Terminal:
        opened.append(Terminal(course, *words))
        return opened[-1]

    yield run
    for each in opened:
        each.process.kill()
        each.process.wait()


def test_watching_follows_the_learners_files_and_keys(
    started: Scene, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("watch", started.lab.number)
    screen.until("The check does not pass")
    screen.type("h")
    screen.until("first rung")
    screen.type("h")
    screen.until("second rung")
    (started.work / "notes.txt").write_text("done\n")
    screen.until("The check passes.")
    (started.work / "notes.txt").write_text("undone? no\n")
    (started.work / "notes.txt").write_text("un\n")
    screen.until("The check does not pass")
    screen.type("r")
    screen.until("Press r again")
    screen.type("n")
    screen.until("This is the last lab.")
    assert (started.work / "notes.txt").read_text() == "un\n"
    screen.type("r")
    screen.until("Press r again")
    screen.type("r")
    screen.until("Resetting lab")
    screen.until("Your files were set aside")
    assert (started.work / "notes.txt").read_text() == "given\n"
    screen.type("q")
    assert screen.close() == 1


def test_watching_only_looks_until_a_key_asks_for_a_check_that_breaks_something(
    started: Scene, course: Course, terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    course.write("checks/test_fake.py", BREAKS % str(broken))
    screen = terminal("watch", started.lab.number)
    screen.until("1 check breaks something to see what happens")
    (started.work / "notes.txt").write_text("done\n")
    screen.type("a")
    screen.until("runs only when you ask for a check: it kills a node")
    assert not broken.exists()
    screen.type("c")
    screen.until("The node did not come back")
    assert broken.read_text() == "x"
    screen.until("This was found when you last pressed c.")
    screen.type("q")
    assert screen.close() == 1
    assert broken.read_text() == "x"


def test_watching_goes_on_to_the_next_lab_and_says_so_at_once(
    started: Scene, course: Course, terminal: Callable[..., Terminal], lab: Run
) -> None:
    # One with the highest number there is: it is the next, and is never started since its scene is missing.
    course.number, course.slug = "99", "99-next"
    course.lab()
    course.number = started.lab.number
    screen = terminal("watch", started.lab.number)
    screen.until("The check does not pass")
    screen.type("n")
    screen.until("Starting lab 99")
    screen.until("Lab 99 did not start")
    screen.type("q")
    assert screen.close() == 1


def test_ctrl_c_ends_watching_and_gives_the_terminal_back(
    started: Scene, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("watch", started.lab.number)
    screen.until("The check does not pass")
    screen.until("q quit")
    screen.process.send_signal(signal.SIGINT)
    assert screen.close() == 130
    assert "Traceback" not in screen.said


def test_a_question_on_a_terminal_is_asked_and_no_means_no(
    started: Scene, terminal: Callable[..., Terminal]
) -> None:
    (started.work / "notes.txt").write_text("mine\n")
    screen = terminal("reset", started.lab.number)
    screen.until("[y/N]")
    screen.type("n\n")
    screen.until("Nothing was done")
    assert screen.close() == 2
    assert (started.work / "notes.txt").read_text() == "mine\n"


def test_a_shell_runs_the_words_after_two_dashes_as_they_stand_and_ends_as_they_do(
    started: Scene, lab: Run
) -> None:
    number = started.lab.number
    said = lab("shell", number, "--", "printf", "%s|", "two words", "$HOME", "*")
    assert said.stdout == "two words|$HOME|*|"
    assert lab("shell", number, "--", "sh", "-c", "exit 4").returncode == 4
    assert lab("shell", number, "--command", "exit 5").returncode == 5
    assert lab("shell", number, "--command", "true", "--", "true").returncode == 2


def test_a_shell_on_a_terminal_opens_in_the_work_folder(
    started: Scene, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("shell", started.lab.number)
    screen.type("echo in-$((40 + 2)); pwd; exit 5\n")
    screen.until("in-42")
    screen.until(started.work.name)
    assert screen.close() == 5
    assert not re.search("Traceback", screen.said)


def test_a_lab_that_runs_is_stopped_before_the_labs_are_tested_and_its_files_stay(
    started: Scene, course: Course, lab: Run
) -> None:
    folder = course.root / "tests" / "course"
    folder.mkdir(parents=True)
    (folder / "test_labs.py").write_text("def test_it():\n    pass\n")
    done = lab("test", "course")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"lab {started.lab.number} was running; it is stopped" in done.stderr
    assert started.services() == {}
    assert (started.work / "notes.txt").read_text() == "given\n"
