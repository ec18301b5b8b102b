"""What a scene finds out about the machine: one sentence, kept until the machine boots again.

A service of the scene has the label `io.drydock.note`, a command to run in it. The learner sees the command's output
when the lab starts. The command may take seconds, so its output is kept; it stays valid for this boot of the kernel
and for the image that has the command.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from checker import whole
from checker.engine.api import COMPOSE_PROJECT
from checker.engine.shell import Shell
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.engine.api import Engine

NOTE = "io.drydock.note"
"""The label that names the command."""

NOTE_SECONDS = 40.0
KEPT = 20


def notes(engine: Engine, project: str, folder: Path, progress: Callable[[str], None]) -> list[str]:
    """Return what a started scene has found out, a sentence for each service that has one.

    Args:
        engine: the engine that runs it.
        project: the scene's Compose project.
        folder: where sentences are kept between runs.
        progress: called with a message before a command runs.
    """
    found = engine.list_all("containers", labels={COMPOSE_PROJECT: project})
    noted = [item for item in found if NOTE in item["Labels"] and item["State"] == "running"]
    said = [_note(engine, item, folder, progress) for item in noted]
    return [sentence for sentence in said if sentence]


def _note(engine: Engine, item: dict[str, Any], folder: Path, progress: Callable[[str], None]) -> str:
    """Return one service's sentence; empty when its command failed, and then it runs again next time."""
    command = item["Labels"][NOTE]
    try:
        with Shell(engine, item["Id"]) as shell:
            boot = shell.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()
            name = hashlib.sha256("\0".join((boot, item["ImageID"], command)).encode()).hexdigest()[:32]
            kept = folder / name
            if boot and kept.is_file():
                return kept.read_text(encoding="utf-8").strip()
            progress("finding out what this machine can do")
            done = shell.run(command, NOTE_SECONDS)
    except (LabError, OSError):
        return ""
    if done.rc:
        return ""
    sentence = " ".join(done.stdout.split())
    _keep(kept, sentence)
    return sentence


def _keep(file: Path, sentence: str) -> None:
    """Keep a sentence and remove old ones; if nothing can be written, the command runs again next time."""
    try:
        whole.write(file, f"{sentence}\n")
        for old in sorted(file.parent.iterdir(), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return
