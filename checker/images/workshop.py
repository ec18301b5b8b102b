"""What making, pulling and carrying images needs: the engine, its client, and a folder for logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.images import process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.engine.api import Engine
    from checker.engine.client import Client


@dataclass(frozen=True)
class Workshop:
    """The engine, its client, a folder for logs, and a function for progress."""

    engine: Engine
    client: Client
    folder: Path
    say: Callable[[str], None]
    no_install: bool = False

    def log(self, *words: str) -> Path:
        """Return the file for the output of a command, by words that tell it from others, such as a reference."""
        name = "-".join(words)[:80]
        return self.folder / f"{''.join(_plain(letter) for letter in name)}.log"

    def docker(self, *words: str, log: Path, silence: float, **more: Any) -> process.Ended:
        """Run `docker WORDS` with this engine, and return how it ended.

        Args:
            words: the command's arguments.
            log: the file for its output.
            silence: it is killed after this many seconds without a line and without work.
            more: what else `process.run` takes.

        Raises:
            LabError: there is no such program, or the log cannot be written.
        """
        more.setdefault("environment", self.client.environment())
        return process.run(self.client.command(*words), log, silence=silence, **more)


def _plain(letter: str) -> str:
    return letter if letter.isalnum() or letter in "-." else "-"
