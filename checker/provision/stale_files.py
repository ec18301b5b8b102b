"""What a killed dockerd leaves behind and the next dockerd fails on: socket, pid files, bridge."""

from __future__ import annotations

import fcntl
import socket
import struct
from pathlib import Path

from checker.provision import processes

# linux/sockios.h, net/if.h
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCBRDELBR, IFF_UP = 0x8913, 0x8914, 0x89A1, 0x1
NETWORK_CLASS = Path("/sys/class/net")


def clear(engine: Path, pid_file: Path, exec_root: Path, bridge: str) -> list[str]:
    """Remove what no running process owns, and return the part of it that a person should know about.

    dockerd refuses to start while *any* process has the pid in its file. If another process has got the old
    containerd's pid, dockerd waits for a containerd that is gone. A bridge from the old engine keeps its address,
    which may conflict with the network that the new engine chooses.
    """
    if processes.from_pid_file(pid_file, "dockerd") is not None:
        return []
    removed: list[str] = []
    if pid_file.exists():
        pid_file.unlink(missing_ok=True)
        removed.append(str(pid_file))
    if engine.is_socket():
        engine.unlink(missing_ok=True)
        removed.append(str(engine))
    containerd = exec_root / "containerd" / "containerd.pid"
    if processes.from_pid_file(containerd, "containerd") is None:
        # Some of its sockets remain even after a normal end, so this is not reported.
        for left in (containerd, *containerd.parent.glob("containerd*.sock*")):
            left.unlink(missing_ok=True)
    # Two engines on one machine can share a bridge: an idle bridge may belong to a running engine.
    if bridge and not processes.any_running("dockerd") and _is_idle_bridge(bridge) and _delete_bridge(bridge):
        removed.append(f"the bridge {bridge}")
    return removed


def _is_idle_bridge(name: str) -> bool:
    ports = NETWORK_CLASS / name / "brif"
    # With live restore, containers keep running without their engine and still use it: the new engine takes it over.
    return ports.is_dir() and not any(ports.iterdir())


def _delete_bridge(name: str) -> bool:
    """Take a bridge down and delete it by ioctl: the `ip` command is not on every machine."""
    label = name.encode()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH14x", label, 0))
            flags = struct.unpack("16sH14x", answer)[1]
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", label, flags & ~IFF_UP))
            fcntl.ioctl(control, SIOCBRDELBR, struct.pack("16s16x", label))
    except OSError:
        return False
    return True
