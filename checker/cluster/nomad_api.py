"""Requests to Nomad's HTTP API, with curl in the server's container."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from checker.errors import LabError
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.author import Container

API = "http://127.0.0.1:4646"
"""The server's address in its own container."""

ANSWER_SECONDS = 10
"""How long one request may take; an answer usually comes within 20 ms."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Api:
    """Nomad's HTTP API, called with curl through the server's persistent shell.

    Args:
        server: the server's container.
    """

    server: Container

    def ask(self, paths: Sequence[str], *, method: str = "GET", body: str = "") -> list[bytes]:
        """Return the answers to several requests; empty for a path that does not exist.

        Raises:
            CouldNotRun: the server does not answer.
        """
        data = f" --data-raw {shlex.quote(body)}" if body else ""
        asked = " ; ".join(
            f"curl -sS --noproxy '*' --max-time {ANSWER_SECONDS} -X {method}{data} -w '\\n%{{http_code}}\\n' "
            f"{shlex.quote(f'{API}/v1/{path}')} 2>&1"
            for path in paths
        )
        said = self.server.exec(asked, timeout=(ANSWER_SECONDS + 2) * max(1, len(paths))).stdout_bytes
        lines = [line for line in said.split(b"\n") if line]
        answers: list[bytes] = []
        current: list[bytes] = []
        for line in lines:
            if len(line) == 3 and line.isdigit():
                answers.append(self._judged(int(line), b"\n".join(current), method, paths[len(answers)]))
                current = []
            else:
                current.append(line)
        return answers

    @staticmethod
    def _judged(status: int, body: bytes, method: str, path: str) -> bytes:
        if status == 404:
            return b""
        if status != 200:
            text = body.decode(errors="replace").strip()[:200]
            could_not_run(f"Nomad's server did not answer {method} /v1/{path}: {text or status}")
        return body

    def get(self, path: str, kind: type[_T]) -> _T | None:
        """Return one answer as a record; None for a path that does not exist."""
        return self.read(self.ask([path])[0], kind)

    def post(self, path: str, body: str) -> bytes:
        """Send a body, and return the answer."""
        return self.ask([path], method="POST", body=body)[0]

    @staticmethod
    def read(answer: bytes, kind: type[_T]) -> _T | None:
        """Return an answer as a record; None for an empty one, and for Nomad's `null`, which means the same."""
        if not answer or answer == b"null":
            return None
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.MsgspecError as error:
            raise LabError(f"Nomad's answer was not the expected one: {error}.") from error
