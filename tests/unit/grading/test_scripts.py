"""The learner's script: what is said when there is none, how it is run, and how it ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.shell import Completed
from checker.grading.scripts import TIMED_OUT, Run, Script, remark_on_line_ends
from checker.grading.verdicts import CheckFailed

if TYPE_CHECKING:
    from pathlib import Path


HELP = "Run 'docker run --help' for more information\n"
USAGE = "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"


def done(rc: int = 0, stdout: str = "", stderr: str = "") -> Any:
    return SimpleNamespace(rc=rc, stdout=stdout, stderr=stderr)


def script(folder: Path, result: Any = None, asked: list[Any] | None = None) -> Script:
    """Return a script whose toolbox notes what it is asked to run."""

    def run(*words: Any) -> Any:
        if asked is not None:
            asked.append(words)
        return result

    toolbox: Any = SimpleNamespace(attrs={"Config": {"WorkingDir": "/my work"}}, exec=run)
    return Script(folder / "release.sh", lambda: toolbox)


def test_a_script_that_is_not_there_fails_the_check_and_what_is_there_is_shown(tmp_path: Path) -> None:
    (tmp_path / "relase.sh").write_text("true\n")
    with pytest.raises(CheckFailed) as failed:
        script(tmp_path).require("There is none.", expected="one", hint="look")
    assert failed.value.failure.rationale == "There is none."
    assert failed.value.failure.seen == "relase.sh"


def test_a_script_that_is_there_is_returned(tmp_path: Path) -> None:
    (tmp_path / "release.sh").write_text("echo hello\n")
    assert script(tmp_path).require("There is none.", expected="one", hint="look") == "echo hello\n"


def test_it_runs_in_the_toolboxs_folder_with_its_arguments_quoted_and_a_limit(tmp_path: Path) -> None:
    asked: list[Any] = []
    run = script(tmp_path, done(), asked).run("2.0", "a b", seconds=60.0)
    (command, seconds) = asked[0]
    assert command.startswith("cd '/my work' && ")
    assert "timeout --kill-after=3 60 \"$@\" 2.0 'a b' < /dev/null" in command
    assert seconds > 60
    assert run.shown == "sh release.sh 2.0 'a b'"


@pytest.mark.parametrize(("seconds", "timed_out"), [(0.0, True), (60.0, False)])
def test_a_script_that_had_to_be_killed_took_too_long_and_one_that_ended_so_in_time_did_not(
    tmp_path: Path, seconds: float, *, timed_out: bool
) -> None:
    killed = Completed(137, b"", b"")
    assert script(tmp_path, killed).run("2.0", seconds=seconds).timed_out == timed_out


@pytest.mark.parametrize(
    ("result", "ok", "ending", "last", "evidence"),
    [
        (done(0, "one\ntwo\n\n"), True, "ended with exit code 0", "two", "two"),
        (done(3, "one\n", "bad\n"), False, "ended with exit code 3", "one", "bad"),
        (done(TIMED_OUT), False, "did not finish within 8 s", "", ""),
        # What docker writes below an error is not the error, whichever of its versions writes it.
        (
            done(125, "", "docker: in use.\nSee 'docker run --help'.\n"),
            False,
            "ended with exit code 125",
            "",
            "docker: in use.",
        ),
        (done(125, "", f"docker: in use\n\n{HELP}"), False, "ended with exit code 125", "", "docker: in use"),
        (
            done(1, "", f"unknown flag: --x\n\n{USAGE}{HELP}"),
            False,
            "ended with exit code 1",
            "",
            "unknown flag: --x",
        ),
        (
            done(1, "", f"needs 1 argument.\n\n{USAGE}Run an image\n"),
            False,
            "ended with exit code 1",
            "",
            "needs 1 argument.",
        ),
        (
            done(1, "", f"in use\n\n{HELP}curl: (6) no host\n"),
            False,
            "ended with exit code 1",
            "",
            "curl: (6) no host",
        ),
        (done(1, "one\n", HELP), False, "ended with exit code 1", "one", "one"),
    ],
)
def test_how_it_ended_is_told(result: Any, ok: bool, ending: str, last: str, evidence: str) -> None:
    run = Run("sh release.sh", result, 8.0)
    assert (run.ok, run.ending, run.last, run.evidence) == (ok, ending, last, evidence)
    assert run.timed_out == ("did not finish" in ending)


def test_a_failed_script_with_line_ends_of_windows_is_shown_with_what_removes_them(tmp_path: Path) -> None:
    (tmp_path / "release.sh").write_bytes(b"set -eu\r\nexit 0\r\n")
    failed = script(tmp_path, done(2, "", "syntax error\n")).run(seconds=1)
    assert failed.evidence.startswith("syntax error\nThe lines of release.sh end as on Windows (CR LF)")
    assert failed.evidence.endswith(r"sed -i 's/\r$//' release.sh")
    # Perl, for one, takes both.
    assert script(tmp_path, done(0, "well\n")).run(seconds=1).evidence == "well"


@pytest.mark.parametrize(
    ("text", "remarked"),
    [(b"set -eu\r\nexit\n", True), (b"exit 0\r", True), (b"set -eu\nexit\r\n", False), (b"", False)],
)
def test_the_line_ends_of_a_script_are_those_of_its_first_line(text: bytes, *, remarked: bool) -> None:
    assert bool(remark_on_line_ends("start.sh", text)) == remarked


def test_a_failed_script_is_shown_alone_if_its_lines_end_as_they_should_or_it_is_gone(tmp_path: Path) -> None:
    gone = script(tmp_path, done(127, "", "no such file\n")).run(seconds=1)
    (tmp_path / "release.sh").write_bytes(b"printf 'a\\r\\n'\n")
    there = script(tmp_path, done(3, "", "bad\n")).run(seconds=1)
    assert (gone.evidence, there.evidence) == ("no such file", "bad")


def test_a_script_that_ended_well_passes_and_another_fails_with_the_last_line_of_its_errors() -> None:
    Run("sh release.sh 2.0", done(), 8.0).require_ok("look")
    with pytest.raises(CheckFailed) as failed:
        Run("sh release.sh 2.0", done(3, "one\n", "bad\n"), 8.0).require_ok("look")
    told = failed.value.failure
    assert (told.rationale, told.evidence) == ("`sh release.sh 2.0` ended with exit code 3.", "bad")
