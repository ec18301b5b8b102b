"""How pip is found and run: by hashes alone, past every setting that would change the result."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.bootstrap import pip
from checker.bootstrap.say import ProblemError, Steps

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def steps() -> Steps:
    """Give progress that nobody watches."""
    return Steps(io.StringIO())


@pytest.fixture
def fake_pip(tmp_path: Path) -> Callable[[str], list[str]]:
    """Make a program that stands in for pip."""

    def make(code: str) -> list[str]:
        program = tmp_path / "fake.py"
        program.write_text(code)
        return [sys.executable, str(program)]

    return make


def run(command: list[str], tmp_path: Path, steps: Steps) -> None:
    """Install a lock of the test's folder."""
    lock = tmp_path / "run.txt"
    lock.touch()
    with lock.open() as file:
        pip.install(command, lock, steps, inherit=file.fileno())


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in pip.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)


def test_settings_that_say_how_to_reach_packages_are_kept_and_others_dropped(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    theirs = {
        "PIP_INDEX_URL": "https://mirror",
        "PIP_FIND_LINKS": "/wheels",
        "PIP_CERT": str(tmp_path / "ca.pem"),
        "PIP_TARGET": "/elsewhere",
        "PIP_PREFIX": "/elsewhere",
        "PIP_NO_BINARY": ":all:",
        "PIP_CONSTRAINT": "old.txt",
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PYTHONPATH": "/x",
        "HTTPS_PROXY": "http://proxy",
    }
    kept = pip.environment(theirs)
    assert {name: value for name, value in kept.items() if theirs.get(name) == value} == {
        "PIP_INDEX_URL": "https://mirror",
        "PIP_FIND_LINKS": "/wheels",
        "PIP_CERT": str(tmp_path / "ca.pem"),
        "HTTPS_PROXY": "http://proxy",
    }
    assert (kept["PIP_USER"], kept["PIP_REQUIRE_VIRTUALENV"]) == ("0", "0")
    assert "PIP_TARGET" not in kept
    assert "PYTHONPATH" not in kept


def test_certificates_that_are_not_there_any_more_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    kept = pip.environment({"SSL_CERT_FILE": "/gone/ca.pem", "PIP_CERT": str(tmp_path / "ca.pem")})
    assert "SSL_CERT_FILE" not in kept
    assert kept["PIP_CERT"] == str(tmp_path / "ca.pem")


def test_of_pips_own_files_only_the_way_to_packages_is_taken(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, steps: Steps
) -> None:
    told = [
        "global.index-url='https://mirror'",
        "global.target='/elsewhere'",
        "install.prefix='/elsewhere'",
        "install.find-links='\\n/a\\n/b'",
        "install.constraint='old.txt'",
        "download.timeout='1'",
        ":env:.index-url='https://other'",
    ]
    code = (
        "import json, os, sys\n"
        f"if sys.argv[1] == 'config': print({chr(10).join(told)!r}); raise SystemExit\n"
        "json.dump(dict(os.environ), open('seen', 'w'))"
    )
    run(fake_pip(code), tmp_path, steps)
    seen = json.loads((tmp_path / "seen").read_text())
    assert seen["PIP_CONFIG_FILE"] == os.devnull
    assert seen["PIP_INDEX_URL"] == os.environ.get("PIP_INDEX_URL", "https://mirror")
    assert seen["PIP_FIND_LINKS"] == os.environ.get("PIP_FIND_LINKS", "/a /b")
    assert not {"PIP_TARGET", "PIP_PREFIX", "PIP_CONSTRAINT"} & seen.keys()


def test_a_certificate_that_does_not_fit_names_the_variable_that_chose_it(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    with pytest.raises(ProblemError) as caught:
        run(fake_pip("print('certificate verify failed'); raise SystemExit(1)"), tmp_path, steps)
    assert f"SSL_CERT_FILE names {tmp_path}" in caught.value.remedy


def test_only_what_the_lock_names_is_installed_and_each_hash_is_checked(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, steps: Steps
) -> None:
    run(fake_pip("import sys; open('seen', 'w').write(' '.join(sys.argv[1:]))"), tmp_path, steps)
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("install --require-hashes --no-deps ")
    assert seen.endswith(f"--requirement {tmp_path / 'run.txt'}")


def test_a_failure_shows_pips_last_lines_and_a_remedy(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, steps: Steps
) -> None:
    code = "for i in range(50): print('line', i)\nprint('ERROR: Connection refused'); raise SystemExit(1)"
    with pytest.raises(ProblemError, match=r"run.txt could not be installed \(pip ended with 1\)") as caught:
        run(fake_pip(code), tmp_path, steps)
    assert caught.value.detail.splitlines()[-1] == "ERROR: Connection refused"
    assert len(caught.value.detail.splitlines()) == pip.LOG_LINES
    assert "HTTPS_PROXY" in caught.value.remedy


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        (
            "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
            "is not the one that this course",
        ),
        ("SSLError(SSLCertVerificationError(1, 'certificate verify failed", "PIP_CERT"),
        ("OSError: [Errno 28] No space left on device", "Free some disk space"),
        ("ERROR: No matching distribution found for x==1", "pip config list"),
        ("something new", "Run the same command again"),
    ],
)
def test_the_remedy_fits_the_failure(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, steps: Steps, line: str, remedy: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        run(fake_pip(f"print({line!r}); raise SystemExit(1)"), tmp_path, steps)
    assert remedy in caught.value.remedy


def test_settings_of_another_network_are_named_without_what_they_say(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in pip.WAY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:secret@index.example/simple")
    code = "print('ERROR: No matching distribution found for x==1'); raise SystemExit(1)"
    with pytest.raises(ProblemError) as caught:
        run(fake_pip(code), tmp_path, steps)
    assert "This terminal sets PIP_NO_INDEX, PIP_INDEX_URL: unset" in caught.value.remedy
    assert "secret" not in str(caught.value)


def test_a_pip_that_never_ends_is_ended(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pip, "configuration", lambda *_: {})
    monkeypatch.setattr(pip, "SILENCE_SECONDS", 0.0)
    monkeypatch.setattr(pip, "TICK_SECONDS", 0.05)
    with pytest.raises(ProblemError):
        run(fake_pip("import signal; signal.pause()"), tmp_path, steps)


def test_pip_is_run_from_its_wheel_without_being_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pip, "wheels", lambda: [tmp_path / "pip-26.0-py3-none-any.whl"])
    assert pip.find(Path("/venv/bin/python")) == [
        "/venv/bin/python",
        f"{tmp_path}/pip-26.0-py3-none-any.whl/pip",
    ]


def test_wheels_are_looked_for_with_python_the_system_and_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, users = tmp_path / "system", tmp_path / "users"
    for folder in (system, users):
        folder.mkdir()
        (folder / "pip-25.0-py3-none-any.whl").touch()
    (users / "pipx-1.0-py3-none-any.whl").touch()
    monkeypatch.setattr(pip, "WHEELS", system)
    monkeypatch.setenv("PIP_FIND_LINKS", f"https://x/wheels {users}")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert [wheel.parent.name for wheel in pip.wheels()] == ["system", "users"]


def test_without_wheels_another_pythons_pip_is_used_if_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip, "wheels", list)
    monkeypatch.setattr(pip, "_runs", lambda _command: True)
    assert pip.find(Path("/v/python")) == [sys.executable, "-m", "pip", "--python", "/v/python"]
    monkeypatch.setattr(pip, "_runs", lambda _command: False)
    assert pip.find(Path("/v/python")) is None


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_progress_is_plain_lines_without_a_terminal(
    fake_pip: Callable[[str], list[str]], tmp_path: Path
) -> None:
    stream = io.StringIO()
    steps = Steps(stream)
    steps.begin("Installing")
    run(fake_pip("print('Collecting msgspec==0.22.0')"), tmp_path, steps)
    steps.end("Ready")
    assert stream.getvalue().startswith("Installing\nReady (")
    assert "\x1b" not in stream.getvalue()


def test_progress_on_a_terminal_is_one_line_with_the_seconds(
    fake_pip: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    steps = Steps(stream)
    steps.begin("Installing")
    run(fake_pip("print('Collecting msgspec==0.22.0')"), tmp_path, steps)
    steps.end("Ready")
    drawn = stream.getvalue()
    assert "\r\x1b[2KInstalling (0 s) fetching msgspec" in drawn
    assert drawn.count("\n") == 1
