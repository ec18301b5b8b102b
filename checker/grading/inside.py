"""The engine in one of the scene's nodes: its containers, seen and handled as others are."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from checker.engine.shell import COMMAND_SECONDS
from checker.grading.container import Container

if TYPE_CHECKING:
    from checker.engine.shell import Completed


class Inside:
    """The engine in a node.

    Args:
        node: the node's own container.
    """

    def __init__(self, node: Container) -> None:
        self.node = node

    def run(self, command: str, seconds: float = COMMAND_SECONDS) -> str:
        """Run a shell command on the node, and return what it prints; its errors are left out."""
        return self.node.exec(f"{{ {command}\n}} 2>/dev/null; true", timeout=seconds).stdout

    def containers(self) -> list[Inner]:
        """Return every container of the engine, the newest first, also those that have ended."""
        said = self.run('set -- $(docker ps --all --quiet --no-trunc); [ $# = 0 ] || docker inspect "$@"')
        found = [Inner(self, each) for each in json.loads(said or "[]")]
        return sorted(found, key=lambda each: each.created, reverse=True)


class Inner(Container):
    """A container of the engine in a node. What a check does to it, the docker command there does."""

    def __init__(self, inside: Inside, attrs: dict[str, Any]) -> None:
        self.inside = inside
        self.attrs = attrs

    def _docker(self, command: str, seconds: float = COMMAND_SECONDS) -> str:
        return self.inside.run(f"docker {command}", seconds)

    def logs(self, tail: int = 5) -> str:
        """Return the last lines it wrote."""
        return self._docker(f"logs --tail {tail} {self.id} 2>&1")

    def processes(self) -> list[tuple[str, str]]:
        """Return the user and the command line of each of its processes, as the engine sees them from outside."""
        # The engine looks for its processes by the column PID, and refuses without it.
        rows = self._docker(f"top {self.id} -o pid,user,args").splitlines()[1:]
        return [(user, command) for _, user, command in (row.split(maxsplit=2) for row in rows)]

    def exec(self, command: str, timeout: float = COMMAND_SECONDS, user: str | None = None) -> Completed:
        """Run a shell command in it and return `.rc`, `.stdout`, `.stderr`."""
        who = f"--user {shlex.quote(user)} " if user else ""
        return self.inside.node.exec(f"docker exec {who}{self.id} sh -c {shlex.quote(command)}", timeout)

    def restart(self, seconds: int = 1) -> None:
        """Stop it, with SIGKILL after this many seconds, and start it again, as a human would."""
        self._docker(f"restart --time {seconds} {self.id}", seconds + 20.0)

    def reload(self) -> Inner:
        """Take a new snapshot of the same container."""
        self.attrs = json.loads(self._docker(f"inspect {self.id}"))[0]
        return self

    def kill(self, signal: str = "KILL") -> None:
        """Send a signal to its main process from outside, as `docker kill` does."""
        self._docker(f"kill --signal {shlex.quote(signal)} {self.id}")

    def stop(self, seconds: int = 10) -> None:
        """Stop it as `docker stop` does: SIGTERM, and SIGKILL after this many seconds."""
        self._docker(f"stop --time {seconds} {self.id}", seconds + 20.0)

    def start(self) -> None:
        """Start it again."""
        self._docker(f"start {self.id}")

    def remove(self) -> None:
        """Remove it, running or not, with its anonymous volumes."""
        self._docker(f"rm --force --volumes {self.id}")
