"""`kubectl`, with one context and one namespace; what it prints goes into the error."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import IO, TYPE_CHECKING, Any

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMAND_SECONDS = 60.0
"""How long a question or an order to the API server may take."""


class Kubectl:
    """Orders to one namespace of one cluster.

    Args:
        context: the context in the teacher's kubeconfig.
        namespace: the namespace.

    Raises:
        LabError: there is no kubectl on this machine.
    """

    def __init__(self, context: str, namespace: str) -> None:
        found = shutil.which("kubectl")
        if found is None:
            raise LabError(
                "There is no kubectl on this machine.",
                remedy="Install it (https://kubernetes.io/docs/tasks/tools/), and log in to the cluster.",
            )
        self.context = context
        self.namespace = namespace
        self._words = [found, "--context", context, "--namespace", namespace]

    def shown(self, *words: str) -> str:
        """Return an order as a person would type it."""
        return " ".join(["kubectl", "--context", self.context, "-n", self.namespace, *words])

    def run(
        self, *words: str, given: bytes | IO[bytes] | None = None, seconds: float = COMMAND_SECONDS
    ) -> str:
        """Run an order and return what it printed.

        Args:
            words: the words after the options for context and namespace.
            given: what it reads, as bytes or from a pipe.
            seconds: how long it may take.

        Raises:
            LabError: it failed or took too long.
        """
        source: dict[str, Any] = (
            {"input": given} if isinstance(given, bytes) else {"stdin": given or subprocess.DEVNULL}
        )
        try:
            done = subprocess.run(
                [*self._words, *words], capture_output=True, timeout=seconds, check=False, **source
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(
                f"The cluster of the context `{self.context}` did not answer within {seconds:.0f} s.",
                remedy=f"Try it yourself: {self.shown(*words[:2])}",
            ) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise LabError(
                f"`{self.shown(*words[:3])}` failed: {said.splitlines()[-1] if said else 'it said nothing'}",
                remedy="See whether you are logged in, and may do this: "
                f"kubectl --context {self.context} auth can-i create namespaces",
                detail=said if said.count("\n") else "",
            )
        return str(done.stdout, errors="replace")

    def find(self, *words: str) -> dict[str, Any] | None:
        """Return an object, or None if it is not there."""
        text = self.run("get", *words, "--ignore-not-found", "--output", "json")
        return json.loads(text) if text.strip() else None

    def apply(self, objects: Iterable[dict[str, Any]]) -> None:
        """Make objects, or change them to what is given."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.run("apply", "--filename", "-", given=json.dumps(listed).encode())
