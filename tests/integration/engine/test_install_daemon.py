"""A second, real dockerd on paths of its own: started, killed, started over what that left, ended."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.engine import leftovers, processes
from checker.engine.daemon import Daemon
from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd", path="/usr/sbin:/usr/bin:/usr/local/bin") is None,
    reason="starting an engine needs root and dockerd",
)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Describe an engine that shares nothing with this machine's own, not even the network."""
    data = tmp_path / "data"
    bridged = _has_bridge()
    back = _leave_the_network()
    daemon = Daemon(
        tmp_path / "engine",
        # The kernel takes 108 bytes for a socket's name, and containerd puts a long one below the exec root.
        socket=Path(f"/run/drydock-test-{os.getpid()}.sock"),
        pid_file=tmp_path / "docker.pid",
        exec_root=Path(f"/run/drydock-test-{os.getpid()}"),
        bridge="",
        options=("--data-root", str(data), "--bridge=none", "--iptables=false", "--ip6tables=false"),
    )
    yield daemon
    daemon.stop()
    daemon.socket.unlink(missing_ok=True)
    # A killed dockerd leaves its data folder mounted onto itself.
    unmount = ["umount", str(data)]
    while subprocess.run(unmount, stderr=subprocess.DEVNULL, timeout=10, check=False).returncode == 0:
        pass
    shutil.rmtree(daemon.exec_root, ignore_errors=True)
    back()
    assert _has_bridge() is bridged


def _has_bridge() -> bool:
    return "docker0" in {name for _, name in socket.if_nameindex()}


def _leave_the_network() -> Callable[[], None]:
    """Move what this thread starts into a network of its own, and return what moves it back.

    A dockerd that is told to have no bridge deletes any docker0 it finds, and so another engine's network.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if libc.unshare(_NEW_NETWORK):
        os.close(home)
        pytest.skip(f"this machine makes no network namespace: {os.strerror(ctypes.get_errno())}")

    def back() -> None:
        assert libc.setns(home, _NEW_NETWORK) == 0
        os.close(home)

    return back


_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of unshare(2)."""


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
        assert not leftovers._is_idle_bridge(name)
        run("del", port)
        assert leftovers._is_idle_bridge(name)
        assert leftovers._delete_bridge(name)
        assert name not in names()
    finally:
        for left in {name, port} & names():
            run("del", left)
