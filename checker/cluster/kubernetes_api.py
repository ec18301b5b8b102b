"""The API of a scene's Kubernetes, called from the toolbox: what checks read there, and the few things they change.

The toolbox has the cluster's kubeconfig and curl. One request takes about 15 ms through its persistent shell; `kubectl`
would take five times as long. No port is published for it.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import msgspec

from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from checker.grading.author import Lab
    from checker.scene.chosen import Kept

REQUEST_SECONDS = 8.0
KUBECONFIG = "/kubeconfig/k3s.yaml"
SERVER = "https://control-plane:6443"
_KEYS = "/tmp/.drydock-api"  # noqa: S108 - inside the toolbox, which has no other users

# The kubeconfig has the authority, the certificate and its key; curl needs a file for each.
_PREPARE = f"""
cmp -s {KUBECONFIG} {_KEYS}/source || (
    umask 077; mkdir -p {_KEYS}
    for each in certificate-authority client-certificate client-key; do
        sed -n "s/^ *$each-data: //p" {KUBECONFIG} | base64 -d > {_KEYS}/$each
    done
    cp {KUBECONFIG} {_KEYS}/source
)
"""
_END = "\x1e"
"""A character that no answer contains: it separates answers from their status."""
_CURL = f"curl -sS -m {REQUEST_SECONDS:g} --connect-timeout 2 -w '{_END}%{{http_code}}{_END}'"
_AS_ADMIN = (
    f"--cacert {_KEYS}/certificate-authority --cert {_KEYS}/client-certificate --key {_KEYS}/client-key"
)

_TIMED_OUT = 28
"""curl's exit code when an answer did not come in time."""

_T = TypeVar("_T")


class Refused(Exception):  # noqa: N818 - an answer, which the caller may have expected
    """The API server refused a request.

    Args:
        code: the answer's status.
        message: the server's message.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """The API server, as the lab's toolbox reaches it.

    Args:
        lab: the lab.
        elsewhere: the learner's own cluster, if one was chosen; None for the scene's.
    """

    def __init__(self, lab: Lab, elsewhere: Kept | None = None) -> None:
        self._lab = lab
        self._server, self._prepare, self._curl = SERVER, _PREPARE, f"{_CURL} {_AS_ADMIN}"
        if elsewhere is not None:
            self._server, options = as_learner(elsewhere)
            self._prepare, self._curl = "", f"{_CURL} {options}"

    def read(self, path: str, kind: type[_T]) -> _T:
        """GET a path as a record.

        Raises:
            Refused: the path does not exist.
        """
        return msgspec.convert(self.get(path)[0], kind, strict=False)

    def get(self, *paths: str) -> list[Any]:
        """GET paths over one connection.

        Raises:
            Refused: one of them does not exist.
        """
        urls = " ".join(shlex.quote(self._server + path) for path in paths)
        return self._answers(f"{self._curl} {urls}")

    def text(self, path: str) -> str:
        """GET a path whose answer is plain text, such as a pod's log; empty when the server refuses.

        Raises:
            CouldNotRun: the API server does not answer.
        """
        command = f"{self._prepare}{self._curl} {shlex.quote(self._server + path)}"
        done = self._lab.node("toolbox").exec(command, timeout=REQUEST_SECONDS + 4)
        if done.rc:
            self._tell_of_silence(done.stderr, done.rc)
        said, code = (*done.stdout.split(_END), "", "")[:2]
        return said if code == "200" else ""

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Send a body to a path and return the answer.

        Raises:
            Refused: the server refused it.
        """
        given = "" if body is None else f"-H 'Content-Type: {kind}' -d {shlex.quote(json.dumps(body))}"
        return self._answers(f"{self._curl} -X {method} {given} {shlex.quote(self._server + path)}")[0]

    def knock(self, path: str, seconds: float = 1.0) -> tuple[int, str]:
        """GET a path that may not answer, such as a pod's through the API server.

        Args:
            path: the path.
            seconds: how long it may take.

        Returns:
            The answer's status, 0 when none came in time, and its text, in one line.

        Raises:
            CouldNotRun: the API server itself does not answer.
        """
        command = f"{self._prepare}{self._curl} -m {seconds:g} {shlex.quote(self._server + path)}"
        done = self._lab.node("toolbox").exec(command, timeout=REQUEST_SECONDS)
        if done.rc not in {0, _TIMED_OUT}:
            self._tell_of_silence(done.stderr, done.rc)
        said, code = (*done.stdout.split(_END), "", "")[:2]
        if done.rc or not code.isdecimal():
            return 0, " ".join(done.stderr.split())
        return int(code), " ".join(_message(said).split())

    def _tell_of_silence(self, complaint: str, code: int) -> NoReturn:
        said = complaint.strip().splitlines()
        number = int(self._lab.number)
        could_not_run(
            f"The cluster's API does not answer ({said[-1] if said else f'curl ended with {code}'}). "
            f"`lab start {number}` starts what is not running; `lab reset {number}` starts with a new cluster."
        )

    def merge(self, path: str, change: Any) -> Any:
        """Change an object with a strategic merge patch, under the checker's own name."""
        return self.send(
            "PATCH", f"{path}?fieldManager={MANAGER}", change, "application/strategic-merge-patch+json"
        )

    def _answers(self, command: str) -> list[Any]:
        done = self._lab.node("toolbox").exec(f"{self._prepare}{command}", timeout=REQUEST_SECONDS + 4)
        if done.rc:
            self._tell_of_silence(done.stderr, done.rc)
        parts = done.stdout.split(_END)
        answers = []
        for text, code in zip(parts[::2], parts[1::2], strict=False):
            answer = json.loads(text) if text.strip().startswith("{") else text
            if int(code) == 401:
                number = int(self._lab.number)
                could_not_run(
                    f"The cluster no longer accepts the toolbox's token (401), which is valid for a few hours. `lab start {number}` gets a new one."
                )
            if int(code) >= 300:
                raise Refused(int(code), answer.get("message", "") if isinstance(answer, dict) else text)
            answers.append(answer)
        return answers


def as_learner(elsewhere: Kept) -> tuple[str, str]:
    """Return the server of the learner's own cluster by the name in its certificate, and curl's options to reach it."""
    parts = urlsplit(elsewhere.server)
    if parts.scheme == "http":
        return elsewhere.server, "-H @/kubeconfig/header"
    name = f"[{elsewhere.server_name}]" if ":" in elsewhere.server_name else elsewhere.server_name
    place = parts.netloc if parts.port else f"{parts.netloc}:443"
    trust = (
        "--insecure"
        if elsewhere.insecure
        else "$(test -s /kubeconfig/authority && echo --cacert /kubeconfig/authority)"
    )
    to = shlex.quote(f"::{place}")
    server = f"https://{name}:{parts.port or 443}{parts.path}"
    return server, f"--noproxy '*' {trust} --connect-to {to} -H @/kubeconfig/header"


def _message(said: str) -> str:
    """Return the API server's error message, or else the answer itself."""
    with contextlib.suppress(ValueError):
        answer = json.loads(said)
        if isinstance(answer, dict) and answer.get("kind") == "Status":
            return str(answer.get("message", ""))
    return said


MANAGER = "drydock-check"
"""The name under which the API server records what the checker changed."""
