"""Requests to the engines of a swarm's nodes, with curl in the manager's container."""

from __future__ import annotations

import functools
import json
import shlex
from typing import TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

PORT = 2375
"""Where a node's engine listens, on the lab's network."""

ASK_SECONDS = 4.0
"""How long an engine may take to answer."""

_OWN = "--unix-socket /run/docker.sock http://engine"


class NotAManagerError(LabError):
    """The node that should manage the swarm does not: the swarm, or the majority of its managers, is gone."""


class Engines:
    """The engines of a swarm's nodes, called from inside the manager's container.

    Args:
        lab: the lab whose scene has the nodes.
        manager: the manager's name.
    """

    def __init__(self, lab: Lab, manager: str) -> None:
        self.manager = manager
        self._lab = lab

    @functools.cached_property
    def _shell(self) -> Container:
        return self._lab.node(self.manager)

    def ask(self, path: str, *, node: str = "", method: str = "GET", absent: Any = None) -> Any:
        """Send one request to a node's engine, and return its answer.

        Args:
            path: a path of the engine's API.
            node: the node; the manager, when left out.
            method: the HTTP method.
            absent: returned when the node does not answer; if left out, that is an error.

        Raises:
            NotAManagerError: the manager's engine manages no swarm, or has no majority.
            LabError: the engine does not answer, or refuses.
        """
        where = f"http://{node}:{PORT}" if node else _OWN
        (answer,) = self._send(node or self.manager, method, f"{where}{shlex.quote(path)}", 1, absent)
        return answer

    def ask_all(self, *paths: str) -> list[Any]:
        """GET several paths of the manager's engine with one command, and return the answers."""
        urls = " ".join(f"http://engine{path}" for path in paths)
        return self._send(self.manager, "GET", f"--unix-socket /run/docker.sock {urls}", len(paths), None)

    def _send(self, node: str, method: str, where: str, count: int, absent: Any) -> list[Any]:
        """Send requests with one curl, and return the answers."""
        done = self._shell.exec(
            f"curl -sS --noproxy '*' --max-time {ASK_SECONDS:g} -X {method} -w '\\n%{{http_code}}\\n' {where}",
            timeout=ASK_SECONDS * count + 2,
        )
        lines = [line for line in done.stdout.split("\n") if line]
        # An answer is one line of JSON, or none; the next line has the status.
        answers: list[Any] = []
        body = ""
        for line in lines:
            if len(line) != 3 or not line.isdecimal():
                body = line
                continue
            status, said, body = int(line), body, ""
            if 200 <= status < 300:
                answers.append(json.loads(said) if said else None)
            elif not status and absent is not None:
                answers.append(absent)
            else:
                self._refuse(node, status, _message(said) or done.stderr.strip())
        return answers

    def _refuse(self, node: str, status: int, said: str) -> None:
        if status == 503 or (not status and node == self.manager):
            raise NotAManagerError(f"{self.manager} does not manage the swarm: {said}")
        raise LabError(f"The engine of {node} answers with {status or 'nothing'}: {said}")

    def run(self, command: str, seconds: float = 10.0) -> str:
        """Run a command in the manager's container, and return its output.

        Raises:
            LabError: it ended with an error.
        """
        done = self._shell.exec(command, timeout=seconds)
        if done.rc:
            raise LabError(f"`{command}` failed on {self.manager}.", detail=done.stderr.strip())
        return str(done.stdout)

    def get(self, node: str, path: str) -> tuple[int, Any]:
        """GET a path on the service's port of a node; return the status, 0 for none, and the answer."""
        done = self._shell.exec(
            f"curl -sS --noproxy '*' --max-time 2 -w '\\n%{{http_code}}' http://{node}:8080{shlex.quote(path)}",
            timeout=4.0,
        )
        body, _, code = done.stdout.rpartition("\n")
        try:
            return int(code or 0), json.loads(body)
        except ValueError:
            return 0, body


def _message(body: str) -> str:
    try:
        return str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        return body.strip()
