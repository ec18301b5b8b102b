"""The engine that is killed: a dockerd of this machine, found by its socket, and started again as it was."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.grading.author import wait_until
from checker.provision import processes, stale_files

if TYPE_CHECKING:
    from checker.engine.endpoint import Endpoint

ANSWER_SECONDS = 120.0


@dataclass
class LocalEngine:
    """A dockerd and how it was started.

    Args:
        pid: the process.
        command: its command line.
        socket: where it listens.
        network: the network namespace that it is in.
    """

    pid: int
    command: list[str]
    socket: Path
    network: int

    @classmethod
    def behind(cls, endpoint: Endpoint) -> LocalEngine:
        """Return the dockerd that listens on a socket.

        Raises:
            LabError: none of this machine was started with that socket.
        """
        for entry in Path("/proc").glob("[0-9]*"):
            pid = int(entry.name)
            if not processes.is_program(pid, "dockerd"):
                continue
            command = (entry / "cmdline").read_bytes().decode().split("\0")[:-1]
            if endpoint.host in command:
                network = os.open(entry / "ns/net", os.O_RDONLY)
                return cls(pid, command, Path(endpoint.host.removeprefix("unix://")), network)
        raise LabError(
            f"No dockerd of this machine was started with -H {endpoint.host}.",
            remedy="Rounds of the kind `engine` need such a one, for they kill it.",
        )

    def _option(self, name: str) -> Path:
        return Path(self.command[self.command.index(name) + 1])

    @property
    def _exec_root(self) -> Path:
        return self._option("--exec-root")

    def kill(self) -> None:
        """Kill the engine and its containerd, as a machine that loses power does; containers' own processes stay."""
        containerd = processes.from_pid_file(self._exec_root / "containerd" / "containerd.pid", "containerd")
        for pid in (self.pid, containerd):
            if pid is not None:
                processes.end(pid, signal.SIGKILL, 30)

    def start(self) -> None:
        """Start the engine again and wait until it answers.

        Raises:
            LabError: it ends, or does not answer.
        """
        stale_files.clear(self.socket, self._option("--pidfile"), self._exec_root, "")
        log = Path(os.devnull).open("w")  # noqa: SIM115 - the engine keeps it
        process = subprocess.Popen(
            ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.network}", *self.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.pid = process.pid
        wait_until(lambda: process.poll() is not None or processes.answers(self.socket), ANSWER_SECONDS)
        if not processes.answers(self.socket):
            raise LabError(f"The engine at {self.socket} did not come back.")

    def orphans(self, known: set[str]) -> list[str]:
        """Return the containers that have processes here and that the engine does not know.

        A shim alone does not count, nor one with a container that never began: an engine that is killed before that
        forgets them, and nobody can remove them through it.
        """
        found = []
        parents = _parents()
        for entry in Path("/proc").glob("[0-9]*"):
            if int(entry.name) not in parents:
                continue
            with contextlib.suppress(OSError, ValueError, IndexError):
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                if "containerd-shim" in words[0] and str(self._exec_root) in " ".join(words):
                    name = words[words.index("-id") + 1]
                    if name not in known:
                        found.append(name[:12])
        return found


def _parents() -> set[int]:
    """Return the processes that have at least one child, but for children that wait to become a container's program."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cmdline").read_bytes().startswith(b"runc\0init\0"):
                continue
            found.add(int((entry / "stat").read_text().rpartition(")")[2].split()[1]))
    return found
