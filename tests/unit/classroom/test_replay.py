"""Recorded commands are read as bash wrote them, and replayed as they were typed, each with a time limit."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from checker.classroom import replay
from checker.classroom.replay import answer_of, script
from checker.scene.typed import Typed, parse

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from checker.course.catalogue import Lab
    from tests.unit.classroom.conftest import Handing

BASH = shutil.which("bash")


def test_a_record_is_read_with_commands_of_several_lines() -> None:
    text = "left over\n#1700000000\ncat <<E\nhello\n\nE\n#1700000002\nls\n#1700000003\n\n#12\n#1700000004\n# a comment\n"
    assert parse(text) == (
        Typed(1700000000, "cat <<E\nhello\n\nE"),
        Typed(1700000002, "ls"),
        Typed(1700000003, "\n#12".strip("\n")),
        Typed(1700000004, "# a comment"),
    )


def test_commands_of_two_terminals_are_put_in_order() -> None:
    assert [each.text for each in parse("#1700000009\nb\n#1700000001\na\n")] == ["a", "b"]


def run(tmp_path: Path, *commands: str, code: int = 0) -> str:
    assert BASH, "these tests need bash"
    text = script(commands, str(tmp_path))
    done = subprocess.run(["sh", "-eu", "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_folder_and_a_variable_hold_for_the_next_command(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    said = run(tmp_path, "cd sub", "X='a b'", 'echo "$PWD $X"')
    assert said.strip() == f"{tmp_path}/sub a b"


def test_a_command_that_fails_or_ends_the_shell_does_not_end_the_others(tmp_path: Path) -> None:
    assert run(
        tmp_path, "false", "exit 3", "logout", "nonsense-xyz", "if", "set -e", "true", "echo on"
    ).split() == ["on"]


def test_quotes_and_heredocs_arrive_as_they_were_typed(tmp_path: Path) -> None:
    said = run(tmp_path, "cat <<'E'\n$X `x` 'q'\nE", """echo "it's" '$(no)'""")
    assert said == "$X `x` 'q'\nit's $(no)\n"


def test_a_command_cannot_break_out_of_the_script(tmp_path: Path) -> None:
    assert run(tmp_path, "' ; touch broken ; '", "echo on") == "on\n"
    assert not (tmp_path / "broken").exists()


def test_a_command_that_reads_finds_nothing_to_read(tmp_path: Path) -> None:
    assert run(tmp_path, "read line; echo got:$line") == "got:\n"


def test_a_command_that_does_not_end_is_ended_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "EACH_SECONDS", 1)
    said = run(tmp_path, "sleep 300", "echo on", code=9)
    assert said == "on\ndrydock: ended after 1 s: sleep 300\n"


def test_a_submission_becomes_an_answer_in_the_teachers_folder(
    handing: Handing, lab: Lab, tmp_path: Path
) -> None:
    handed = handing.handed(
        files={"go.sh": b"x", "a/b": b"y"}, typed=(Typed(1, "sh @WORK@/go.sh"), Typed(2, "ls"))
    )
    answer = answer_of(handed, lab, tmp_path / "answer", "/new place")
    assert sorted(answer.files) == ["a/b", "go.sh"]
    assert answer.files["go.sh"].runs
    assert answer.script is not None
    assert "c2ggL25ldyBwbGFjZS9nby5zaA" in answer.script  # base64 of `sh /new place/go.sh`
    again = answer_of(handing.handed(files={}, typed=()), lab, tmp_path / "answer", "/w")
    assert not again.files
    assert again.script is None
