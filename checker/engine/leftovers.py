"""What a killed dockerd leaves behind and its successor trips over: socket, pid files, bridge."""

from __future__ import annotations

import fcntl
import socket
import struct
from pathlib import Path

from checker.engine import processes

# linux/sockios.h, net/if.h
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCBRDELBR, IFF_UP = 0x8913, 0x8914, 0x89A1, 0x1
NETWORK_CLASS = Path("/sys/class/net")


def clear(engine: Path, pid_file: Path, exec_root: Path, bridge: str) -> list[str]:
    """Remove what no living process owns; return what a person may want to know was removed.

    dockerd refuses to start while *any* process has the pid in its file, and waits for a containerd that is
    long gone when another process has got that one's. A bridge that outlived its engine keeps its old address,
    which may clash with the network that the new engine chooses.
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
        # Some of its sockets stay even when it ends in good order: nothing to tell about.
        for left in (containerd, *containerd.parent.glob("containerd*.sock*")):
            left.unlink(missing_ok=True)
    # Two engines on one machine may share a bridge without knowing: an idle one may be a living engine's.
    if bridge and not processes.any_running("dockerd") and _is_idle_bridge(bridge) and _delete_bridge(bridge):
        removed.append(f"the bridge {bridge}")
    return removed


def _is_idle_bridge(name: str) -> bool:
    ports = NETWORK_CLASS / name / "brif"
    # Containers that outlived their engine (live restore) still hang on it: then it is the engine's to take over.
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
