"""The command as a process: exit codes, streams, help, names, without an engine."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.cli import main

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.conftest import Course

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


def lab(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "checker", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("more", [(), ("--verbose",)])
def test_an_error_that_was_not_foreseen_is_told_and_is_no_failed_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    from checker.cli.verbs import version

    def fail(_: object) -> int:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(version, "run", fail)
    assert main(["version", *more]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "lab did not expect this error: ZeroDivisionError: by nothing (test_lab.py:" in said
    assert ("Traceback" in said) == bool(more)


@pytest.mark.parametrize(
    ("error", "said", "way"),
    [
        (OSError(errno.ENOSPC, "No space", "/x"), "a disk of this machine is full (/x).", "Make room"),
        (OSError(errno.EMFILE, "Too many"), "too few open files.", "`ulimit -n 1024`"),
        (OSError(errno.EAGAIN, "Again"), "no more processes can be started.", "`ulimit -u`"),
        (RuntimeError("can't start new thread"), "no more processes can be started.", "`ulimit -u`"),
        (
            ModuleNotFoundError("No module named 'msgspec'", name="msgspec"),
            "cannot be read: No module named 'msgspec'.",
            f"rm -r {shlex.quote(sys.prefix)}, then the same command.",
        ),
        (
            SyntaxError("invalid syntax", (f"{sys.prefix}/lib/yaml/__init__.py", 1, 0, "", 1, 1)),
            "cannot be read: invalid syntax (__init__.py, line 1).",
            f"rm -r {shlex.quote(sys.prefix)}, then the same command.",
        ),
        (MemoryError(), "too little memory.", "stop other labs"),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
            "No folder for temporary files can be written: ['/tmp'].",
            "set TMPDIR",
        ),
    ],
)
def test_what_the_machine_has_run_out_of_is_no_bug(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
    way: str,
) -> None:
    from checker.cli.verbs import version

    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(version, "run", fail)
    assert main(["version"]) == 3
    shown = " ".join(capsys.readouterr().err.split())
    assert said in shown
    assert way in shown
    assert "bug" not in shown


def test_a_module_of_ours_that_is_missing_is_a_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from checker.cli.verbs import version

    def fail(_: object) -> int:
        raise ModuleNotFoundError("No module named 'checker.gone'", name="checker.gone")

    monkeypatch.setattr(version, "run", fail)
    assert main(["version"]) == 3
    assert "This is a bug in lab" in capsys.readouterr().err


def test_verbose_does_not_change_the_code_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "3", "--verbose"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_a_terminal_that_stands_in_what_was_set_aside_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "my work/set-aside/03-isolation-2026-11-28-165043-2/src"
    there.mkdir(parents=True)
    monkeypatch.chdir(there)
    assert main(["version"]) == 0
    assert capsys.readouterr().err.endswith(f"cd '{tmp_path}/my work/03-isolation'\n")


def test_a_terminal_in_a_folder_that_was_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(["version"]) == 0
    assert "the current folder of this terminal was removed" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_by_a_signal_it_goes_through_its_endings(tmp_path: Path, number: signal.Signals) -> None:
    code = f"""
import os, signal, sys
import checker.__main__ as lab
from checker.cli.verbs import version

# Whoever runs these tests may ignore it, as `nohup` does, and `lab` leaves it ignored.
signal.signal({int(number)}, signal.SIG_DFL)

def run(args):
    try:
        os.kill(os.getpid(), {int(number)})
        signal.pause()
    finally:
        open({str(tmp_path / "ended")!r}, "w").close()

version.run = run
sys.argv = ["lab", "version"]
sys.exit(lab.main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 128 + number
    assert (tmp_path / "ended").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGCHLD"), reason="this system has no such signal")
def test_a_program_that_failed_is_noticed_though_the_launcher_ignores_ended_programs() -> None:
    code = """
import signal, subprocess, sys
import checker.__main__ as lab
from checker.cli.verbs import version

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
version.run = lambda _: subprocess.call([sys.executable, "-c", "raise SystemExit(7)"])
sys.argv = ["lab", "version"]
sys.exit(lab.main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 7


def test_no_verb_shows_the_help_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 0
    assert "learn:" in capsys.readouterr().out


def test_the_help_of_a_verb_shows_how_it_is_typed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    assert capsys.readouterr().out.startswith("usage: lab check [-h]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("chekc", "3"), "Did you mean `lab check`?"),
        (("zzzzzz",), "there is no verb `zzzzzz`."),
        (("check",), "required: LAB\n  -> help: lab check --help\n"),
        (("check", "3", "extra"), "help: lab check --help\n"),
        (("check", "3", "--al", "--nonsense"), "--nonsense"),
        (("check", "3", "--", "extra"), "does not run another program, so it takes no words after `--`"),
    ],
)
def test_a_wrong_word_is_misuse_and_says_what_is_near(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("verb", ["check", "start", "stop", "shell", "env", "hint", "goto", "open", "watch"])
def test_an_unknown_lab_is_misuse_for_every_verb(
    course: Course, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    course.lab()
    assert main([verb, "fakt"]) == 2
    shown = capsys.readouterr().err
    assert "There is no lab `fakt`" in shown
    assert "Did you mean `97-fake`?" in shown


@pytest.mark.parametrize("verb", ["check", "start", "stop", "hint", "watch"])
def test_no_engine_is_could_not_run_with_what_to_do(
    course: Course, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    course.lab()
    assert main([verb, "97"]) == 3
    shown = capsys.readouterr()
    assert "127.0.0.1:1 does not answer" in shown.err
    assert "lab doctor" in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_a_malformed_lab_toml_is_named_and_not_a_traceback(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course.lab()
    course.write("lab.toml", "title = 5\n")
    assert main(["check", "97"]) == 3
    shown = capsys.readouterr().err
    assert "lab.toml" in shown
    assert "`title`" in shown


def test_the_list_works_without_an_engine_and_speaks_json(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course.lab()
    assert main(["list"]) == 0
    assert "A fake lab" in capsys.readouterr().out
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["lab"] == "97-fake"


DIFFERENT = {
    "solution/answer.toml": "title = 'The port that is asked for'\n",
    "solution/run.sh": "true\ndocker run --publish 8081:8080 app\n",
    "solution/files/notes.txt": "mine\n",
    "wrong/another-port/answer.toml": (
        "title = 'Another port'\nbased_on = 'solution'\nwithout = ['files/notes.txt']\n"
        "check = 'it-holds'\nreason = 'some words'\n"
    ),
    "wrong/another-port/changes.diff": (
        "diff run.sh\n-docker run --publish 8081:8080 app\n+docker run --publish 8080:8080 app\n"
    ),
    "wrong/another-port/files/new.txt": "new\n",
}


@pytest.fixture
def different(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a lab with a wrong answer that is based on the solution, on a machine without an engine."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setenv("NO_COLOR", "1")
    course.lab(files=DIFFERENT)


@pytest.mark.usefixtures("different")
def test_what_differs_in_an_answer_is_explained_without_an_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "97", "--explain"]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "solution  whole: files/notes.txt, run.sh" in shown
    assert shown[shown.index("wrong/another-port  based on solution") + 1 :] == [
        "Another port",
        "diff run.sh",
        "true",
        "-docker run --publish 8081:8080 app",
        "+docker run --publish 8080:8080 app",
        "new files/new.txt",
        "+new",
        "without files/notes.txt",
        "",
    ]


@pytest.mark.usefixtures("different")
@pytest.mark.parametrize("words", [("--explain", "wrong/"), ("--explain", "--only", "wrong/")])
def test_one_answer_is_explained_by_a_part_of_its_name(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "97", *words, "--json"]) == 0
    (said,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (said["lab"], said["answer"], said["based_on"]) == ("97-fake", "wrong/another-port", "solution")
    assert said["files"] == ["files/new.txt", "run.sh"]
    assert sorted(said["differences"]) == ["files/new.txt", "files/notes.txt", "run.sh"]


@pytest.mark.usefixtures("different")
def test_the_name_of_no_answer_and_a_lab_in_the_place_of_a_name_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["verify", "97", "--explain", "zzz"]) == 2
    assert "No answer has `zzz` in its name." in capsys.readouterr().err
    assert main(["verify", "--explain", "97"]) == 2
    assert "lab verify 97 --explain" in capsys.readouterr().err


@pytest.mark.usefixtures("different")
def test_the_solution_is_shown_with_all_of_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "97", "--show", "--yes"]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert shown.index("file notes.txt") < shown.index("mine") < shown.index("in the toolbox")
    assert "docker run --publish 8081:8080 app" in shown


def test_changes_that_do_not_apply_end_the_command_with_the_file_and_the_lines(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course.lab(files={**DIFFERENT, "solution/run.sh": "docker run --publish 9999:8080 app\n"})
    assert main(["verify", "97", "--explain"]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "wrong/another-port/changes.diff, line 2: run.sh of solution does not have these lines." in said
    assert "Line 1 is near: `docker run --publish 9999:8080 app`." in said


@pytest.mark.parametrize("words", [("reset", "97"), ("solve", "97"), ("goto", "97.1")])
def test_without_a_terminal_and_without_yes_a_question_is_an_error_and_no_hang(
    course: Course, words: tuple[str, ...]
) -> None:
    course.lab(files={"solution/answer.toml": "title = 's'", "solution/run.sh": "true"})
    done = lab(*words)
    assert done.returncode in {2, 3}
    assert b"Traceback" not in done.stderr


def test_a_terminal_of_plain_ascii_gets_the_list_all_the_same(course: Course) -> None:
    course.lab()
    done = lab("list", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert b"A fake lab" in done.stdout


def test_variables_for_a_shell_do_not_move_the_work_folder_of_the_next_command(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    from checker.cli.verbs.env import variables

    made, before = course.lab(), course.places.work
    for name, value in variables(made, "unix:///nowhere.sock").items():
        monkeypatch.setenv(name, value)
    assert course.places.work == before


def test_colour_goes_to_nobody_who_did_not_ask(course: Course) -> None:
    course.lab()
    assert b"\x1b[" not in lab("list", NO_COLOR="1").stdout
    assert b"\x1b[" in lab("list", FORCE_COLOR="1").stdout + lab("check", "9", FORCE_COLOR="1").stderr


def test_the_help_is_quick_because_it_loads_little() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "checker", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for heavy in ("pytest", "testinfra", "checker.engine", "checker.grading", "mkdocs"):
        assert f" {heavy}" not in done.stderr, heavy


def test_checking_loads_neither_testinfra_nor_the_site(course: Course) -> None:
    course.lab()
    code = (
        "import sys; import checker.grading.run; "
        "print([n for n in ('testinfra', 'mkdocs', 'checker.site') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("words", [("test", "unit", "--engine", "29"), ("test", "--labs", "1")])
def test_a_choice_of_engines_or_labs_belongs_to_the_part_engines(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert main(list(words)) == 2
    assert "./lab test engines --engine 29 --labs 1,2" in " ".join(capsys.readouterr().err.split())


@pytest.mark.usefixtures("different")
def test_the_solution_is_a_record_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "97", "--show", "--yes", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["lab"], said["files"]) == ("97-fake", {"notes.txt": "mine\n"})
    assert said["script"].startswith("true\n")


@pytest.mark.usefixtures("different")
def test_a_solution_that_is_applied_is_one_record(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from checker.session import operations

    def solve(_: object, lab: Lab, *, force: bool) -> operations.Reset:
        assert not force
        return operations.Reset(lab, 1, tmp_path / "aside", ())

    monkeypatch.setattr(operations, "solve", solve)
    assert main(["solve", "97", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"lab": "97-fake", "set_aside": str(tmp_path / "aside")}


def test_no_hint_is_a_record_too(
    course: Course, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from checker.session import judging

    course.lab()
    monkeypatch.setattr(judging, "hint", lambda *_: None)
    assert main(["hint", "97", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"lab": "97-fake", "check": None, "rung": 0, "hint": ""}


def test_what_is_stopped_is_a_record(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    course.lab()
    assert main(["down", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"jupyter": False, "site": False, "labs": {}, "engine": False}
