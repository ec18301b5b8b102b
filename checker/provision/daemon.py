"""The engine that we start ourselves: dockerd in the background, with its log and pid in the state folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.engine.platform import ADMIN_FOLDERS, Platform
from checker.errors import EngineError
from checker.provision import processes, stale_files

if TYPE_CHECKING:
    from collections.abc import Callable

READY_SECONDS = 60.0
"""dockerd takes 1 to 5 s to start, and longer if it must first clean up many containers."""
STOP_SECONDS = 30.0
"""dockerd gives its containers 10 s (its --shutdown-timeout is 15 s) before it ends."""
POLL_SECONDS = 0.05
LOG_LINES = 15


@dataclass(frozen=True)
class Daemon:
    """The paths of one dockerd. The defaults are those of every Linux distribution; tests use others."""

    folder: Path
    """Where its log and pid are kept: the state folder's `engine/`."""
    socket: Path = Path("/var/run/docker.sock")
    pid_file: Path = Path("/var/run/docker.pid")
    """dockerd's own; ours is `folder/dockerd.pid`."""
    exec_root: Path = Path("/var/run/docker")
    bridge: str = "docker0"
    """The bridge to remove if a killed engine left it behind; empty for none."""
    options: tuple[str, ...] = ()
    """Further options for dockerd."""

    @property
    def log(self) -> Path:
        """The log of dockerd."""
        return self.folder / "dockerd.log"

    @property
    def record(self) -> Path:
        """Which process is ours: its pid and its start time, so that a reused pid is never mistaken for it."""
        return self.folder / "dockerd.pid"

    @property
    def is_ready(self) -> bool:
        """Whether an engine answers on the socket."""
        return processes.answers(self.socket)

    def start(
        self,
        progress: Callable[[str], None],
        *,
        platform: Platform | None = None,
        seconds: float = READY_SECONDS,
    ) -> None:
        """Start dockerd and wait until it answers; do nothing if one already answers.

        Raises:
            EngineError: it ended, or did not answer in time; has the last lines of its log.
        """
        platform = platform or Platform()
        if self.is_ready:
            return
        deadline = time.monotonic() + seconds
        if other := processes.from_pid_file(self.pid_file, "dockerd"):
            progress(f"Waiting for the container engine that is already starting (process {other})")
            if self._await(None, deadline):
                return
            raise self._failed(
                f"The container engine (dockerd, process {other}) is running, but does not answer."
            )
        program = platform.which("dockerd")
        if program is None:
            raise EngineError(
                "There is no dockerd on this machine.", remedy="Install the engine: `./lab up`."
            )
        if removed := stale_files.clear(self.socket, self.pid_file, self.exec_root, self.bridge):
            progress(f"Removed what a killed engine had left behind: {', '.join(removed)}")
        progress("Starting the container engine (dockerd)")
        child = self._spawn(program, platform)
        if not self._await(child, deadline):
            ended = child.poll()
            if ended is None:
                self.stop()
            how = (
                f"did not answer within {seconds:.0f} s"
                if ended is None
                else f"ended at once (exit code {ended})"
            )
            raise self._failed(f"The container engine (dockerd) was started, but {how}.")

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Stop the dockerd that we started; return False if it is not running."""
        pid = self.running()
        if pid is None:
            self.record.unlink(missing_ok=True)
            return False
        if not processes.end(pid, signal.SIGTERM, seconds):
            processes.end(pid, signal.SIGKILL, seconds)
        self.record.unlink(missing_ok=True)
        return True

    def running(self) -> int | None:
        """Return the pid of the dockerd that we started, if it still runs."""
        try:
            number, began = self.record.read_text().split()
            pid = int(number)
        except (OSError, ValueError):
            return None
        return pid if processes.began(pid) == began and processes.is_program(pid, "dockerd") else None

    def _spawn(self, program: Path, platform: Platform) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        # dockerd starts other programs from this PATH: iptables, containerd, runc.
        path = os.pathsep.join([platform.environ.get("PATH", ""), *ADMIN_FOLDERS])
        command = [str(program), "--host", f"unix://{self.socket}", "--pidfile", str(self.pid_file)]
        command += ["--exec-root", str(self.exec_root), *self.options]
        with self.log.open("wb") as log:
            child = subprocess.Popen(
                command,
                env={**platform.environ, "PATH": path},
                # Another folder than the learner's, so that the learner's can be unmounted.
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # It must get neither Ctrl-C from the terminal nor the signal when the terminal closes.
                start_new_session=True,
            )
        self.record.write_text(f"{child.pid} {processes.began(child.pid)}\n")
        return child

    def _await(self, child: subprocess.Popen[bytes] | None, deadline: float) -> bool:
        while not self.is_ready:
            if time.monotonic() > deadline or (child is not None and child.poll() is not None):
                return False
            if child is None and processes.from_pid_file(self.pid_file, "dockerd") is None:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _failed(self, what: str) -> EngineError:
        lines: list[str] = []
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        text = "\n".join(lines)
        remedy = next((remedy for sign, remedy in _SIGNS if sign in text.lower()), f"Read {self.log}.")
        return EngineError(what, remedy=remedy, detail=text)


_SIGNS = (
    ("no space left on device", "Free some disk space (`df -h /var/lib`) and try again."),
    (
        "iptables",
        "The engine could not set up its network: it needs CAP_NET_ADMIN and a kernel with NAT. See its log.",
    ),
    (
        "devices cgroup isn't mounted",
        "Mount the control groups (Debian: `apt-get install cgroupfs-mount && cgroupfs-mount`) and try again.",
    ),
    (
        "operation not permitted",
        "Starting an engine needs all of root's rights. Inside a container, give that container `--privileged`.",
    ),
    (
        "error initializing graphdriver",
        "The folder /var/lib/docker is on a file system that the engine cannot use; see its log.",
    ),
)
"""What to do, by words in dockerd's own error messages."""


def main(arguments: list[str]) -> int:
    """Start or stop the engine as root for another user: `python -m checker.provision.daemon start FOLDER`."""
    verb, folder = arguments
    daemon = Daemon(Path(folder))
    try:
        if verb == "start":
            daemon.start(lambda line: print(line, flush=True))
        else:
            daemon.stop()
    except EngineError as error:
        print(error.what, error.remedy, error.detail, sep="\n")
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
