"""testinfra over a persistent shell: the only module of the course that imports testinfra.

testinfra's own container back end starts one `docker exec` for every command (about 80 ms each). This one
registers under the name `drydock`, so `testinfra.get_host("drydock://CONTAINER")` works as well.
"""

from __future__ import annotations

from typing import Any

import testinfra.backend
import testinfra.host
from testinfra.backend import base

from checker.engine.api import connect
from checker.engine.shell import COMMAND_SECONDS, Shell


class ShellBackend(base.BaseBackend):  # type: ignore[misc]
    """Run testinfra's commands in one container through one shell.

    Args:
        name: the container's name or id, `USER@NAME` to run as another user.
        shell: an open shell to use; if left out, one is opened.
        timeout: seconds that one command may take.
    """

    NAME = "drydock"

    def __init__(
        self, name: str, *, shell: Shell | None = None, timeout: float = COMMAND_SECONDS, **kwargs: Any
    ) -> None:
        self.name, self.user = self.parse_containerspec(name)
        self._shell = shell or Shell(connect(), self.name, self.user)
        self._seconds = float(timeout)
        super().__init__(self.name, **kwargs)
        # testinfra would start Python in the container to learn its encoding.
        self._encoding = "UTF-8"

    def decode(self, data: bytes) -> str:
        """Read a command's output as UTF-8; in a container with another locale, what is not UTF-8 is replaced."""
        return data.decode(errors="replace")

    def run(self, command: str, *args: str, **_: Any) -> base.CommandResult:
        """Run a command; testinfra fills in and quotes its placeholders."""
        text = self.get_command(command, *args)
        done = self._shell.run(text, self._seconds)
        return self.result(done.rc, self.encode(text), done.stdout_bytes, done.stderr_bytes)


testinfra.backend.BACKENDS["drydock"] = f"{__name__}.ShellBackend"


def host_of(shell: Shell) -> Any:
    """Return testinfra's host over a shell; always the same one, so that it keeps what it has found out."""
    host = _HOSTS.get(shell)
    if host is None:
        host = testinfra.host.Host(ShellBackend(shell.container_id, shell=shell))
        if len(_HOSTS) > 64:
            _HOSTS.clear()
        _HOSTS[shell] = host
    return host


_HOSTS: dict[Shell, Any] = {}
