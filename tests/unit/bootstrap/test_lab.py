"""The file `lab` itself: read by old Pythons, quick when all is ready, the same arguments handed on."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).parents[3] / "lab"


def test_it_parses_on_python_3_6() -> None:
    ast.parse(LAB.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_a_start_imports_nothing_that_python_has_not_loaded_already() -> None:
    tree = ast.parse(LAB.read_text(encoding="utf-8"))
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    assert names == ["os", "sys"]
    assert not any(isinstance(node, ast.ImportFrom) for node in tree.body)


def test_it_is_executable_and_found_by_completion() -> None:
    assert os.access(LAB, os.X_OK)
    assert "PYTHON_ARGCOMPLETE_OK" in LAB.read_text(encoding="utf-8")[:1024]


@pytest.fixture
def became(checkout: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collect the commands that `lab` would turn into."""
    commands: list[list[str]] = []

    def execvp(_file: str, command: list[str]) -> None:
        commands.append(command)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execvp", execvp)
    return commands


def start(checkout: Any, *arguments: str, function: str = "main") -> object:
    """Run `lab ARGUMENTS` and return its exit code."""
    lab = checkout.lab
    lab.is_isolated = lambda: True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(checkout.root / "lab"), *arguments])
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(os, "environ", dict(os.environ))
        try:
            return getattr(lab, function)()
        except SystemExit as end:
            return end.code


def test_the_command_gets_the_arguments_as_they_were_typed(checkout: Any, became: list[list[str]]) -> None:
    start(checkout, "check", "3", "--json", "a b", "")
    python = str(checkout.venv / "bin" / "python")
    assert became == [[python, "-I", "-m", "checker", "check", "3", "--json", "a b", ""]]


def test_settings_that_would_slow_or_break_the_command_are_dropped(
    checkout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    checkout.prepare()
    seen: list[set[str]] = []
    monkeypatch.setattr(os, "execvp", lambda *_: seen.append({*os.environ}))
    start(checkout, "list")
    assert "PATH" in seen[0]
    assert not seen[0] & {"PYTHONDONTWRITEBYTECODE", "PYTHONHOME"}


def test_every_setting_for_python_stays_outside(checkout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONINSPECT", "PYTHONPLATLIBDIR", "PYTHONUSERBASE"):
        monkeypatch.setenv(name, "/elsewhere")
    checkout.prepare()
    seen: list[set[str]] = []
    monkeypatch.setattr(os, "execvp", lambda *_: seen.append({*os.environ}))
    start(checkout, "list")
    assert not {name for name in seen[0] if name.startswith("PYTHON")}


def test_the_environment_is_made_by_a_python_without_the_users_settings(
    checkout: Any, became: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab", "check", "3"])
    with pytest.raises(SystemExit):
        checkout.lab.main()
    assert became == [[sys.executable, "-I", str(checkout.root / "lab"), "check", "3"]]
    assert not checkout.venv.exists()


def test_what_was_not_foreseen_is_told_and_is_no_failed_check(
    checkout: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.fault = ZeroDivisionError("by nothing")
    assert start(checkout, "up") == 3
    assert "was not made: ZeroDivisionError: by nothing" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["version"], ["check", "--help"]])
def test_modules_of_the_users_do_not_stand_in_for_ours(tmp_path: Path, arguments: list[str]) -> None:
    for name in ("checker", "pytest", "msgspec", "argparse"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
    done = subprocess.run(
        [sys.executable, str(LAB), *arguments],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONINSPECT": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "the wrong one" not in done.stderr
    assert done.returncode == 0


def test_nothing_is_made_while_the_shell_asks_for_completions(
    checkout: Any, became: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    assert start(checkout, "ch") == 3
    assert not checkout.venv.exists()
    assert became == []


def test_what_cannot_be_prepared_ends_with_its_code(checkout: Any, became: list[list[str]]) -> None:
    checkout.fault = KeyboardInterrupt()
    assert start(checkout, "up") == 130
    assert became == []


def test_an_old_python_goes_on_with_a_newer_one(
    checkout: Any, became: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def call(command: list[str], **_: object) -> int:
        tried.append(command[0])
        if command[0] == "python3.13":
            return 127  # a version manager's name for a Python that is not chosen
        if command[0] == "python3.12":
            return 0
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    start(checkout, "up", "--yes")
    assert became == [["python3.12", str(checkout.root / "lab"), "up", "--yes"]]
    assert tried[-2:] == ["python3.13", "python3.12"]


def test_an_old_python_alone_says_what_is_needed(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*_: object, **__: object) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert start(checkout, "up") == 3
    said = capsys.readouterr().err
    assert "Python 3.11 or newer is needed" in said
    assert "python3.12 lab" in said
    assert not checkout.venv.exists()


@pytest.mark.skipif(os.name == "nt", reason="there the command is a process of its own")
def test_ctrl_c_is_held_back_while_the_next_python_starts(
    checkout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.prepare()
    held: list[bool] = []

    def execvp(*_: object) -> None:
        held.append(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execvp", execvp)
    start(checkout, "list")
    assert held == [True]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(os.name == "nt", reason="this system has no such signal")
def test_a_pip_that_failed_is_noticed_though_the_launcher_ignores_ended_programs(checkout: Any) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        checkout.fault = ZeroDivisionError("by nothing")
        start(checkout, "up")
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_python_that_cannot_be_started_is_no_failed_check(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def execvp(*_: object) -> None:
        raise OSError(8, "Exec format error")

    checkout.prepare()
    monkeypatch.setattr(os, "execvp", execvp)
    assert start(checkout, "list", function="run") == 3
    assert "could not be started: [Errno 8] Exec format error" in capsys.readouterr().err


def test_windows_runs_the_command_and_returns_its_code(
    checkout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = checkout.lab
    monkeypatch.setattr(lab, "WINDOWS", True)
    ran: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        ran.append(command)
        return 7

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert lab.become([lab.python_of("venv"), "-m", "checker"]) == 7
    assert ran == [[os.path.join("venv", "Scripts", "python.exe"), "-m", "checker"]]  # noqa: PTH118 - as lab does
