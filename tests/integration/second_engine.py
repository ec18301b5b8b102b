"""A second, real engine on paths and a network of its own, for what must not happen to this machine's."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.provision.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_dockerd = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd", path="/usr/sbin:/usr/bin:/usr/local/bin") is None,
    reason="starting an engine needs root and dockerd",
)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Describe an engine that shares nothing with this machine's own, not even the network."""
    data = tmp_path / "data"
    bridged = has_bridge()
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
    # A killed dockerd leaves its data folder mounted onto itself, and its containers' layers on each other.
    for mount in _mounts_below(data):
        subprocess.run(["umount", mount], stderr=subprocess.DEVNULL, timeout=10, check=False)
    shutil.rmtree(daemon.exec_root, ignore_errors=True)
    back()
    assert has_bridge() is bridged


def _mounts_below(folder: Path) -> list[str]:
    """Return the mounts on a folder and below it, the innermost first."""
    mounts = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    return sorted(
        (mount for mount in mounts if mount == str(folder) or mount.startswith(f"{folder}/")), reverse=True
    )


def has_bridge() -> bool:
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
