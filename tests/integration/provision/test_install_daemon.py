"""A second, real dockerd on paths of its own: started, killed, started over what that left, ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess

import pytest

from checker.errors import EngineError
from checker.provision import processes, stale_files
from checker.provision.daemon import Daemon
from tests.integration.second_engine import needs_dockerd

pytestmark = needs_dockerd


def quiet(_line: str) -> None:
    """Take a line of progress and forget it."""


def test_a_real_engine_survives_the_kill_of_the_one_before(daemon: Daemon) -> None:
    daemon.start(quiet)
    first = daemon.running()
    assert first is not None
    assert processes.end(first, signal.SIGKILL, 10)
    # Its pid, and its containerd's, now belong to another process.
    daemon.pid_file.write_text(str(os.getpid()))
    (daemon.exec_root / "containerd" / "containerd.pid").write_text(str(os.getpid()))
    said: list[str] = []
    daemon.start(said.append)
    assert str(daemon.pid_file) in said[0]
    assert daemon.running() not in {None, first}
    assert daemon.stop()
    assert not daemon.is_ready
    assert not processes.is_program(first, "dockerd")


def test_a_real_engine_that_cannot_start_says_why(daemon: Daemon) -> None:
    daemon = Daemon(
        daemon.folder, daemon.socket, daemon.pid_file, daemon.exec_root, "", options=("--no-such-option",)
    )
    with pytest.raises(EngineError, match="ended at once") as caught:
        daemon.start(quiet)
    assert "unknown flag: --no-such-option" in caught.value.detail


def test_an_idle_bridge_is_deleted_and_one_in_use_is_kept() -> None:
    ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if ip is None:
        pytest.skip("needs the ip command, to make a bridge")
    name, port = f"ddt{os.getpid() % 100000}", f"ddp{os.getpid() % 100000}"

    def run(*words: str) -> None:
        subprocess.run([ip, "link", *words], check=True, timeout=10)

    def names() -> set[str]:
        return {entry for _, entry in socket.if_nameindex()}

    run("add", name, "type", "bridge")
    try:
        run("set", name, "up")
        run("add", port, "type", "veth", "peer", "name", f"{port}x")
        run("set", port, "master", name)
        assert not stale_files._is_idle_bridge(name)
        run("del", port)
        assert stale_files._is_idle_bridge(name)
        assert stale_files._delete_bridge(name)
        assert name not in names()
    finally:
        for left in {name, port} & names():
            run("del", left)
