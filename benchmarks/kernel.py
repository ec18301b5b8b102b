"""A kernel as a notebook has it, in which cells are timed from the request to the reply, their display included."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from timing import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_client.blocking.client import BlockingKernelClient

CELL_SECONDS = 120.0


class Kernel:
    """A running kernel that has imported the course.

    Args:
        client: the client that it answers.
    """

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client
        self.run("from checker.notebook import check")

    def run(self, cell: str, then: str = "True") -> float:
        """Run a cell and return its seconds; `then` has to be true afterwards.

        Raises:
            BenchmarkError: the cell ended with an error, or what has to be true is not.
        """
        begin = time.perf_counter()
        reply = self._client.execute_interactive(
            cell, output_hook=lambda _: None, timeout=CELL_SECONDS, user_expressions={"then": then}
        )["content"]
        seconds = time.perf_counter() - begin
        if reply["status"] != "ok":
            raise BenchmarkError(f"the cell `{cell}` ended with {reply.get('ename')}: {reply.get('evalue')}")
        said = reply["user_expressions"]["then"].get("data", {}).get("text/plain")
        if said != "True":
            raise BenchmarkError(f"after the cell `{cell}`, `{then}` is {said}")
        return seconds

    def check(self, number: int) -> float:
        """Return the seconds of a verdict whose report is shown, of a lab that passes."""
        return self.run(f"check({number})", then="Out[max(Out)].passed or Out[max(Out)].first_problem")


@contextlib.contextmanager
def kernel(root: Path) -> Iterator[Kernel]:
    """Give a kernel of this Python; it is shut down at the end.

    Args:
        root: the checkout.

    Raises:
        BenchmarkError: what notebooks need is not installed.
    """
    try:
        from jupyter_client.manager import start_new_kernel  # noqa: PLC0415 - notebooks alone need it
    except ModuleNotFoundError as error:
        raise BenchmarkError(
            f"{error.name} is not installed; `lab notebook` installs what notebooks need"
        ) from error
    manager, client = start_new_kernel(
        kernel_name="python3",
        env={**os.environ, "PYTHONPATH": str(root), "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
