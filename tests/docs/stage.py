"""Where a lesson's blocks run: the lab's toolbox, in one shell from first to last, and the learner's own machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.engine.client import find_client
from checker.errors import LabError
from checker.scene.scene import Scene
from checker.scene.work import folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.engine.api import Engine
    from tests.docs.lesson import Block

ROOT = Path(__file__).resolve().parents[2]
BLOCK_SECONDS = 180.0
"""How long one block may take; building an image is the longest."""


@dataclass(frozen=True)
class Ran:
    """How a block ended, and what it printed."""

    failed: bool
    lines: list[str]


class Toolbox:
    """One bash in the toolbox: its folder and variables last from block to block.

    Args:
        scene: the started scene.
    """

    def __init__(self, scene: Scene) -> None:
        words = ["exec", "--interactive", "--workdir", scene.work_inside, scene.toolbox(), "bash", "-l"]
        self._process = subprocess.Popen(
            scene.client.command(*words),
            env=scene.client.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, text: str) -> Ran:
        """Run a block; it failed when its last command did, or one before it that nothing looked at."""
        mark = secrets.token_hex(8)
        script = (
            f"broken=; trap 'broken=1' ERR\neval \"$(cat <<'{mark}'\n{text}\n{mark}\n)\" </dev/null 2>&1\n"
            f"status=$?; trap - ERR; printf '\\n{mark} %s\\n' \"$status$broken\"\n"
        )
        assert self._process.stdin is not None
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        said, status = self._until(mark.encode())
        return Ran(status != b"0", said.decode(errors="replace").splitlines())

    def _until(self, mark: bytes) -> tuple[bytes, bytes]:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        said = b""
        give_up = time.monotonic() + BLOCK_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" + mark not in said or not said.endswith(b"\n"):
                if not selector.select(max(0.0, give_up - time.monotonic())):
                    raise TimeoutError(f"no end within {BLOCK_SECONDS:g} s; so far: {said[-2000:]!r}")
                data = os.read(descriptor, 65536)
                if not data:
                    raise EOFError(f"the toolbox's shell ended; it had said: {said[-2000:]!r}")
                said += data
        text, _, status = said.rpartition(b"\n" + mark + b" ")
        return text, status.strip()

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.communicate()


class Stage:
    """One lesson's run: its scene, with work and state in a folder of its own.

    Args:
        number: the lab's, as `01`.
        folder: where state and work are kept.
        engine: the engine.
    """

    def __init__(self, number: str, folder: Path, engine: Engine) -> None:
        os.environ["DRYDOCK_STATE"] = str(folder / "state")
        os.environ["DRYDOCK_WORK"] = str(folder / "work")
        places = find(ROOT)
        self.lab = Catalogue(places).find(number)
        self.scene = Scene(
            self.lab, places, engine, find_client(engine.endpoint), folder_of(places, self.lab)
        )
        self._toolbox: Toolbox | None = None
        self._folder = folder
        self.solved = False

    def run(self, block: Block) -> Ran:
        """Run one block where it belongs."""
        if "host" in block.classes:
            return self._on_host(block.text)
        if self._toolbox is None:
            self._toolbox = Toolbox(self.scene)
        return self._toolbox.run(block.text)

    def _on_host(self, text: str) -> Ran:
        shim = self._folder / "bin" / "lab"
        if not shim.exists():
            shim.parent.mkdir(parents=True)
            shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m checker "$@"\n')
            shim.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
        }
        done = subprocess.run(
            ["/bin/bash", "-c", text.replace("./lab ", "lab ")],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        # Progress goes to stderr and differs from machine to machine; what the page shows are the results.
        lines = done.stdout.splitlines()
        return Ran(done.returncode != 0, lines if lines or not done.returncode else done.stderr.splitlines())

    def solve(self) -> str:
        """Apply the lab's solution, judge it, and return what is wrong."""
        self.solved = True
        try:
            self.scene.apply(self.lab.solution)
        except LabError as error:
            return f"{error.what}\n{error.detail}"
        verdict = self._on_host(f"lab check {int(self.lab.number)}")
        return "\n".join(verdict.lines) if verdict.failed else ""

    def ends(self, block: Block) -> bool:
        """Whether a block takes the lab down, so that its end is near."""
        return "host" in block.classes and f"lab stop {int(self.lab.number)}" in block.text

    def close(self) -> None:
        """Remove everything the lesson made."""
        if self._toolbox is not None:
            self._toolbox.close()
        self.scene.stop()


@contextlib.contextmanager
def staged(number: str, folder: Path, engine: Engine) -> Iterator[Stage]:
    """Give a stage, and put everything back at the end.

    Raises:
        RuntimeError: somebody works on this lab; a lesson's run would take it down.
    """
    before = {name: os.environ.get(name) for name in ("DRYDOCK_STATE", "DRYDOCK_WORK")}
    try:
        stage = Stage(number, folder, engine)
        if stage.scene.services():
            raise RuntimeError(
                f"lab {number} is started on this engine; end it first: lab stop {int(number)}"
            )
        try:
            yield stage
        finally:
            stage.close()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
