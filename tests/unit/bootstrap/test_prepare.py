"""The environment is made once, updated, and repaired, whatever happened to it; real environments, no pip."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.bootstrap import pip, prepare, system
from checker.bootstrap.say import ProblemError, Steps

if TYPE_CHECKING:
    from collections.abc import Callable


def ask(python: str, code: str) -> str:
    """Run a line in an environment, from a folder that has nothing to do with the checkout."""
    done = subprocess.run(
        [python, "-P", "-c", code], capture_output=True, text=True, timeout=30, check=True, cwd="/"
    )
    return done.stdout.strip()


def test_a_fresh_checkout_gets_an_environment_and_the_next_start_is_at_once(
    checkout: Any, says: Callable[[], str]
) -> None:
    assert not checkout.is_ready()
    assert checkout.prepare("up") == str(checkout.venv)
    assert checkout.installed == ["run.txt"]
    assert checkout.is_ready()
    assert says().splitlines()[0] == f"Making the Python environment in {checkout.venv}"


def test_the_checkout_can_be_imported_from_any_folder(checkout: Any) -> None:
    checkout.prepare()
    (checkout.root / "here.py").write_text("answer = 42\n")
    assert ask(checkout.lab.python_of(str(checkout.venv)), "import here; print(here.answer)") == "42"


def test_a_verb_gets_its_packages_on_top_when_it_is_first_used(
    checkout: Any, says: Callable[[], str]
) -> None:
    checkout.prepare("list")
    assert not checkout.is_ready("run.txt", "notebook.txt")
    says()
    checkout.prepare("notebook", "4")
    assert says().splitlines()[0] == (
        "Installing JupyterLab and what notebooks need (requirements/notebook.txt)"
    )
    assert checkout.installed == ["run.txt", "notebook.txt"]
    assert checkout.is_ready("run.txt", "notebook.txt")


def test_help_on_a_verb_installs_nothing_for_it(checkout: Any) -> None:
    checkout.prepare("notebook", "--help")
    checkout.prepare("test", "-h")
    assert checkout.installed == ["run.txt"]
    # Behind two dashes, the words are for pytest.
    checkout.prepare("test", "unit", "--", "--help")
    assert checkout.installed == ["run.txt", "notebook.txt", "class.txt", "test.txt"]


def test_to_stop_jupyterlab_does_not_install_it(checkout: Any) -> None:
    checkout.prepare("notebook", "--stop")
    assert checkout.installed == ["run.txt"]


def test_only_who_holds_a_class_gets_what_that_needs(checkout: Any) -> None:
    checkout.prepare("class", "join", "x")
    checkout.prepare("class", "verify", "x")
    assert checkout.installed == ["run.txt"]
    checkout.prepare("class", "serve")
    assert checkout.installed == ["run.txt", "class.txt"]


def test_tests_get_theirs_and_those_of_notebooks(checkout: Any) -> None:
    checkout.prepare("notebook")
    assert not checkout.is_ready("run.txt", "notebook.txt", "class.txt", "test.txt")
    checkout.prepare("test", "unit")
    assert checkout.installed == ["run.txt", "notebook.txt", "class.txt", "test.txt"]
    assert checkout.is_ready("run.txt", "notebook.txt", "class.txt", "test.txt")


def test_only_the_part_that_puts_faults_into_modules_gets_what_it_needs(
    checkout: Any, says: Callable[[], str]
) -> None:
    checkout.prepare("test", "unit")
    assert "mutants.txt" not in checkout.installed
    says()
    checkout.prepare("test", "mutants", "--", "--sample", "3")
    assert checkout.installed[-1] == "mutants.txt"
    assert says().splitlines()[0] == (
        "Installing what puts faults into modules, one at a time (requirements/mutants.txt)"
    )


def test_a_changed_lock_is_installed_into_the_same_environment(checkout: Any) -> None:
    checkout.prepare()
    (checkout.venv / "kept").touch()
    (checkout.root / "requirements" / "run.txt").write_text("# newer\n")
    assert not checkout.is_ready()
    checkout.prepare()
    assert checkout.installed == ["run.txt", "run.txt"]
    assert (checkout.venv / "kept").exists()


def test_a_lock_that_only_looks_new_is_not_installed_again(checkout: Any) -> None:
    checkout.prepare()
    os.utime(checkout.root / "requirements" / "run.txt", (1, 1))
    assert not checkout.is_ready()
    checkout.prepare()
    assert checkout.installed == ["run.txt"]
    assert checkout.is_ready()


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), MemoryError("killed")])
def test_a_half_made_environment_is_made_anew(checkout: Any, fault: BaseException) -> None:
    checkout.fault = fault
    if isinstance(fault, KeyboardInterrupt):
        assert checkout.prepare() == 130
    else:
        with pytest.raises(MemoryError):
            checkout.prepare()
    assert not checkout.is_ready()
    (checkout.venv / "half").touch()
    checkout.prepare()
    assert checkout.is_ready()
    assert not (checkout.venv / "half").exists()


def test_an_update_that_cannot_be_fetched_leaves_what_worked(checkout: Any, says: Callable[[], str]) -> None:
    checkout.prepare()
    lock = checkout.root / "requirements" / "run.txt"
    before = lock.read_text()
    lock.write_text("# newer\n")
    checkout.fault = ProblemError("No network.", "Check it.", "connection refused")
    assert checkout.prepare() == 3
    assert says().endswith("lab: No network.\n  | connection refused\n     Check it.\n")
    lock.write_text(before)
    checkout.prepare()
    assert checkout.installed == ["run.txt"]
    assert checkout.is_ready()


def test_a_moved_checkout_gets_an_environment_of_its_new_place(checkout: Any) -> None:
    checkout.prepare()
    (checkout.venv / "old").touch()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    assert not checkout.is_ready()
    assert checkout.prepare() == str(checkout.venv)
    assert checkout.is_ready()
    assert not (checkout.venv / "old").exists()


def test_a_python_that_is_gone_is_replaced(checkout: Any) -> None:
    checkout.prepare()
    python = Path(checkout.lab.python_of(str(checkout.venv)))
    for name in python.parent.glob("python*"):
        name.unlink()
    python.symlink_to("/no/such/python")
    assert not checkout.is_ready()
    checkout.prepare()
    assert ask(str(python), "print('alive')") == "alive"


def test_a_python_of_another_version_is_replaced(checkout: Any) -> None:
    checkout.prepare()
    place = checkout.venv / prepare.PLACE
    place.write_text(place.read_text().replace("cpython 3.", "cpython 2."))
    (checkout.root / "requirements" / "run.txt").touch()
    checkout.prepare()
    assert checkout.installed == ["run.txt", "run.txt"]


def test_an_environment_of_somebody_else_is_put_aside_and_not_deleted(
    checkout: Any, says: Callable[[], str]
) -> None:
    checkout.venv.mkdir()
    (checkout.venv / "precious").write_text("mine")
    checkout.prepare()
    (aside,) = checkout.root.glob(".lab/venv-set-aside-*")
    assert (aside / "precious").read_text() == "mine"
    assert f"is now {aside}" in says()


def test_a_link_in_the_place_of_the_environment_is_put_aside_and_not_followed(
    checkout: Any, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / prepare.UNFINISHED).touch()
    checkout.venv.symlink_to(elsewhere)
    checkout.prepare()
    assert elsewhere.is_dir()
    assert not checkout.venv.is_symlink()


def test_a_read_only_checkout_is_an_error_that_says_what_to_do(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, says: Callable[[], str]
) -> None:
    monkeypatch.setattr(
        prepare, "_is_writable", lambda folder: checkout.root not in (folder, *folder.parents)
    )
    assert checkout.prepare() == 3
    assert f"{checkout.root} is read-only for you" in says()


def test_a_read_only_checkout_keeps_its_environment_in_the_state_folder(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        prepare, "_is_writable", lambda folder: checkout.root not in (folder, *folder.parents)
    )
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "state"))
    assert checkout.prepare() == str(tmp_path / "state" / "venv")
    assert checkout.is_ready()
    made = {path.name for path in checkout.root.iterdir()} - {"__pycache__"}
    assert made == {"lab", "requirements"}


def test_a_file_system_that_cannot_be_written_is_noticed(tmp_path: Path) -> None:
    assert prepare._is_writable(tmp_path / "new")
    assert not prepare._is_writable(Path("/proc/self"))


def test_an_incomplete_checkout_says_so(checkout: Any, says: Callable[[], str]) -> None:
    (checkout.root / "requirements" / "run.txt").unlink()
    assert checkout.prepare() == 3
    assert "clone it again" in says()


def test_a_full_disk_is_told_and_mended_later(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, says: Callable[[], str]
) -> None:
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("venv.EnvBuilder.create", full)
        assert checkout.prepare() == 3
    assert "the disk is full" in says()
    assert checkout.prepare() == str(checkout.venv)


def test_a_python_without_pip_names_the_package(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, says: Callable[[], str]
) -> None:
    monkeypatch.setattr(pip, "find", lambda _python: None)
    monkeypatch.setattr(system, "_is_of_debian", lambda: True)
    assert checkout.prepare("up", "--no-install") == 3
    assert f"`sudo apt-get update && sudo apt-get install {system.package()}`" in says()


def test_the_package_is_installed_where_we_may_and_then_it_goes_on(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, says: Callable[[], str]
) -> None:
    found: list[list[str]] = []
    ran: list[str] = []

    def run(command: list[str]) -> str:
        ran.append(" ".join(command))
        found.append(["pip"])
        return ""

    monkeypatch.setattr(pip, "find", lambda _python: found[0] if found else None)
    monkeypatch.setattr(system, "_is_of_debian", lambda: True)
    monkeypatch.setattr(system, "_run", run)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert checkout.prepare("up") == str(checkout.venv)
    assert ran[-1].endswith(f"install --no-install-recommends {system.package()}")
    assert f"Installing {system.package()} from this system's packages" in says()


def test_a_package_that_cannot_be_installed_shows_why(
    checkout: Any, monkeypatch: pytest.MonkeyPatch, says: Callable[[], str]
) -> None:
    monkeypatch.setattr(pip, "find", lambda _python: None)
    monkeypatch.setattr(system, "_is_of_debian", lambda: True)
    monkeypatch.setattr(system, "_run", lambda _command: "E: Unable to locate package")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert checkout.prepare("up") == 3
    assert f"lab: {system.package()} could not be installed.\n  | E: Unable to locate package\n" in says()


def test_the_last_words_of_a_command_that_fails_are_kept() -> None:
    assert system._run(["/bin/sh", "-c", "exit 0"]) == ""
    assert system._run(["/bin/sh", "-c", "seq 20; exit 1"]).splitlines()[-1] == "20"
    assert system._run(["/bin/false"]) != ""
    assert "No such file" in system._run(["/no/such/program"])


def test_nothing_is_installed_for_a_user_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_is_of_debian", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(system, "_run", pytest.fail)
    assert not system.install_pip(["up", "--yes"], Steps())


HOLD = """
import fcntl, os, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(f"{os.getpid()}\\n")
file.flush()
print(flush=True)
sys.stdin.read()
"""


def test_a_second_lab_says_that_it_waits_and_finds_everything_done(
    checkout: Any, says: Callable[[], str]
) -> None:
    (checkout.root / ".lab").mkdir()
    lock = checkout.root / ".lab" / "environment.lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = threading.Thread(target=checkout.prepare)
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert checkout.installed == []
        assert first.stdin is not None
        first.stdin.close()
        second.join(30)
        assert not second.is_alive()
        assert f"Another lab (process {first.pid}) is preparing the environment" in says()
    assert checkout.installed == ["run.txt"]


def test_two_at_once_install_once(checkout: Any) -> None:
    threads = [threading.Thread(target=checkout.prepare) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert checkout.installed == ["run.txt"]


def test_the_lock_ends_with_its_holder(checkout: Any) -> None:
    checkout.prepare()
    with (checkout.root / ".lab" / "environment.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_system_that_runs_no_programs_is_passed_over(
    checkout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Callable[[], str]
) -> None:
    monkeypatch.setattr(prepare, "_may_run", lambda folder: folder == tmp_path / "elsewhere")
    assert checkout.prepare() == 3
    assert "mounted noexec" in says()
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "elsewhere"))
    assert checkout.prepare() == str(tmp_path / "elsewhere" / "venv")


def test_a_file_system_that_runs_programs_is_known(tmp_path: Path) -> None:
    assert prepare._may_run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_a_colon_is_told_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Callable[[], str]
) -> None:
    from tests.unit.bootstrap.conftest import make_checkout

    checkout = make_checkout(tmp_path / "a:b", monkeypatch)
    assert checkout.prepare() == 3
    assert "its path has a colon" in says()
    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "elsewhere"))
    assert checkout.prepare() == str(tmp_path / "elsewhere" / "venv")


def test_ready_is_said_only_of_an_environment_from_which_the_command_starts(
    checkout: Any, says: Callable[[], str]
) -> None:
    (checkout.root / "checker/cli").mkdir(parents=True)
    (checkout.root / "checker/cli/__init__.py").write_text(
        "raise ImportError('failed to map segment from x.so')"
    )
    (checkout.root / "checker/cli/parser.py").write_text("")
    (checkout.root / "msgspec.py").write_text("")
    assert checkout.prepare() == 3
    said = says()
    assert "mounted noexec" in said
    assert "is ready" not in said
    assert not checkout.is_ready()
    (checkout.root / "checker/cli/__init__.py").write_text("")
    assert checkout.prepare() == str(checkout.venv)


def test_the_command_that_removes_a_broken_environment_can_be_copied(
    checkout: Any, says: Callable[[], str]
) -> None:
    (checkout.root / "checker" / "cli").mkdir(parents=True)
    (checkout.root / "checker" / "cli" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    assert checkout.prepare("list") == 3
    assert f"Make it again: rm -r '{checkout.venv}', then lab." in says()
