"""Starting and ending an engine of our own, with a stand-in for dockerd that says `/_ping` and little else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.engine.platform import Platform
from checker.errors import EngineError
from checker.provision import processes, stale_files
from checker.provision.daemon import Daemon, main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCKERD = """#!{python} -IS
import os, signal, socket, sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if "--say" in options:
    print(options["--say"])
    sys.exit(1)
place = options["--host"].removeprefix("unix://")
with open(options["--pidfile"], "w") as file:
    file.write(str(os.getpid()))
if "--deaf" in options:
    signal.pause()
if "--stubborn" in options:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.socket(socket.AF_UNIX)
server.bind(place)
server.listen()
while True:
    connection, _ = server.accept()
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\nOK")
    connection.close()
"""


@pytest.fixture
def machine_with_dockerd(tmp_path: Path) -> Platform:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "dockerd"
    # A program's first line ends at a space, and the path of a checkout may have one.
    python = folder / "python"
    python.symlink_to(Path(sys.executable).resolve())
    program.write_text(DOCKERD.format(python=python))
    program.chmod(0o755)
    return Platform(environ={"PATH": str(folder)})


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Daemon]]:
    """Describe an engine in the test's folder; what was started is ended afterwards."""
    # Short names: a socket's may have 108 bytes.
    monkeypatch.chdir(tmp_path)
    made: list[Daemon] = []

    def describe(*options: str) -> Daemon:
        daemon = Daemon(
            tmp_path / "engine",
            socket=Path(f"/proc/{os.getpid()}/cwd/s"),
            pid_file=tmp_path / "docker.pid",
            exec_root=tmp_path / "exec",
            bridge="",
            options=options,
        )
        made.append(daemon)
        return daemon

    yield describe
    for daemon in made:
        daemon.stop()


def quiet(_line: str) -> None:
    """Take a line of progress and forget it."""


def test_an_engine_is_started_answers_and_is_ended(
    make: Callable[..., Daemon], machine_with_dockerd: Platform
) -> None:
    daemon = make()
    said: list[str] = []
    daemon.start(said.append, platform=machine_with_dockerd)
    assert said == ["Starting the container engine (dockerd)"]
    assert daemon.is_ready
    pid = daemon.running()
    assert pid is not None
    assert os.getsid(pid) == pid, "it must outlive the terminal"
    assert daemon.stop()
    assert not daemon.is_ready
    assert not daemon.stop(), "there is nothing left to end"


def test_an_engine_that_answers_is_left_alone(
    make: Callable[..., Daemon], machine_with_dockerd: Platform
) -> None:
    make().start(quiet, platform=machine_with_dockerd)
    said: list[str] = []
    make("--say", "never started").start(said.append, platform=machine_with_dockerd)
    assert said == []


def test_what_a_killed_engine_left_is_removed(
    make: Callable[..., Daemon], machine_with_dockerd: Platform, tmp_path: Path
) -> None:
    daemon = make()
    daemon.start(quiet, platform=machine_with_dockerd)
    pid = daemon.running()
    assert pid is not None
    assert processes.end(pid, signal.SIGKILL, 5)
    # The pid that it had now belongs to somebody else, and so does its containerd's.
    daemon.pid_file.write_text(str(os.getpid()))
    containerd = tmp_path / "exec" / "containerd"
    containerd.mkdir(parents=True)
    (containerd / "containerd.pid").write_text(str(os.getpid()))
    (containerd / "containerd.sock").touch()
    said: list[str] = []
    daemon.start(said.append, platform=machine_with_dockerd)
    assert said[0].startswith("Removed what a killed engine had left behind:")
    assert list(containerd.iterdir()) == []
    assert daemon.is_ready


def test_the_files_of_a_living_engine_are_not_touched(
    make: Callable[..., Daemon], machine_with_dockerd: Platform
) -> None:
    daemon = make()
    daemon.start(quiet, platform=machine_with_dockerd)
    assert stale_files.clear(daemon.socket, daemon.pid_file, daemon.exec_root, "") == []
    assert daemon.is_ready


def test_an_engine_that_ends_at_once_shows_its_last_words(
    make: Callable[..., Daemon], machine_with_dockerd: Platform
) -> None:
    daemon = make("--say", "failed to start: no space left on device")
    with pytest.raises(EngineError, match=r"ended at once \(exit code 1\)") as caught:
        daemon.start(quiet, platform=machine_with_dockerd)
    assert caught.value.detail == "failed to start: no space left on device"
    assert "Free some disk space" in caught.value.remedy


def test_an_engine_that_never_answers_is_ended(
    make: Callable[..., Daemon], machine_with_dockerd: Platform
) -> None:
    daemon = make("--deaf", "yes")
    with pytest.raises(EngineError, match="did not answer within"):
        daemon.start(quiet, platform=machine_with_dockerd, seconds=0.5)
    assert daemon.running() is None


def test_an_engine_that_somebody_else_starts_is_waited_for(
    make: Callable[..., Daemon], machine_with_dockerd: Platform
) -> None:
    first = make("--deaf", "yes")
    with pytest.raises(EngineError):
        first.start(quiet, platform=machine_with_dockerd, seconds=0.3)
    program = machine_with_dockerd.which("dockerd")
    command = [
        str(program),
        "--host",
        f"unix://{first.socket}",
        "--pidfile",
        str(first.pid_file),
        "--deaf",
        "1",
    ]
    with subprocess.Popen(command) as other:
        try:
            while processes.from_pid_file(first.pid_file, "dockerd") != other.pid:
                os.sched_yield()
            with pytest.raises(
                EngineError, match=rf"dockerd, process {other.pid}\) is running, but does not answer"
            ):
                first.start(quiet, platform=machine_with_dockerd, seconds=0.2)
            assert other.poll() is None, "it is not ours to end"
        finally:
            other.kill()


def test_an_engine_that_does_not_heed_is_killed(
    make: Callable[..., Daemon], machine_with_dockerd: Platform
) -> None:
    daemon = make("--stubborn", "yes")
    daemon.start(quiet, platform=machine_with_dockerd)
    assert daemon.stop(seconds=0.2)
    assert not daemon.is_ready


def test_a_process_that_got_the_pid_of_our_engine_is_not_ended(make: Callable[..., Daemon]) -> None:
    daemon = make()
    daemon.folder.mkdir()
    with subprocess.Popen(["/bin/sleep", "60"]) as innocent:
        try:
            daemon.record.write_text(f"{innocent.pid} {processes.began(innocent.pid)}\n")
            assert not daemon.stop()
            assert innocent.poll() is None
        finally:
            innocent.kill()


@pytest.mark.parametrize("text", ["", "x y", "1", "99999999 5"])
def test_a_damaged_record_means_none_of_ours(make: Callable[..., Daemon], text: str) -> None:
    daemon = make()
    daemon.folder.mkdir()
    daemon.record.write_text(text)
    assert daemon.running() is None


def test_a_machine_without_dockerd_says_so(
    make: Callable[..., Daemon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.engine.platform.ADMIN_FOLDERS", ())
    with pytest.raises(EngineError, match="There is no dockerd"):
        make().start(quiet, platform=Platform(environ={"PATH": str(tmp_path)}))


def test_the_command_for_root_reports_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_an_engine_that_is_still_loading_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen()
        monkeypatch.setattr(processes, "PING_SECONDS", 0.1)
        assert not processes.answers(Path("s"))
