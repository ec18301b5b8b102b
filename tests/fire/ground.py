"""The ground that rounds are played on: folders of their own, `lab` as a process, and everything that may be left."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.engine.api import LABEL, connect
from checker.grading.author import wait_until
from checker.scene.image_names import Names
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.course.catalogue import Lab

TOKEN = f"DRYDOCK_FIRE={secrets.token_hex(8)}"
"""In the environment of every process that a round starts, and so of what these leave."""

LONGEST_SECONDS = 420.0
"""After this, a command hangs. The slowest takes a minute; an engine that is away costs another."""

RECORD = "progress.sqlite3"
"""The record, and how the names of all that belongs to it begin."""

STAY = frozenset({RECORD, "addresses", "cache", "engine", "given", "images", "proofs"})
"""What `lab` keeps in the state folder when a lab is stopped; everything else has to be gone."""


class Ground:
    """Folders, a way to run `lab` on them, and looks at what there is.

    Args:
        folder: where the state and work folders are.
        scratch: where temporary files go.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.state = folder / "state"
        self.work = folder / "work"
        self.temporary = scratch / "tmp"
        self.temporary.mkdir()
        self.engine = connect()

    def spawn(self, *words: str) -> subprocess.Popen[str]:
        """Start `lab`."""
        name, _, value = TOKEN.partition("=")
        environment = {
            **os.environ,
            name: value,
            "DRYDOCK_STATE": str(self.state),
            "DRYDOCK_WORK": str(self.work),
            "TMPDIR": str(self.temporary),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "checker", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )

    # -- what may be left ----------------------------------------------------------------------------------

    def on_the_engine(self, lab: Lab) -> set[str]:
        """Return every container, network, volume and image name on the engine, but for those of other labs.

        Of the images, only those that the lab's label or its answers name: others may be built meanwhile.
        """
        found = {
            f"{kind.removesuffix('s')} {(item.get('Names') or [item.get('Name')])[0]}"
            for kind in ("containers", "networks", "volumes")
            for item in self.engine.list_all(kind)
            if _may_be_of(lab, item.get("Labels") or {})
        }
        return found | _images(lab, self.engine.list_all("images"))

    def processes(self) -> list[str]:
        """Return the processes that a round started and that are still there."""
        return [_command(pid) for pid in _marked()]

    def files(self) -> set[str]:
        """Return the files that `lab` keeps nowhere, but that are in the temporary, state and work folders."""
        found = {
            f"temporary {path.name}"
            for path in self.temporary.iterdir()
            if not path.name.startswith("drydock-")
        }
        found |= {f"temporary {path.name}" for path in self.temporary.glob("drydock-*-*")}
        if self.state.is_dir():
            found |= {
                f"state {path.relative_to(self.state)}"
                for path in self.state.rglob("*")
                if not may_stay(path.relative_to(self.state))
                and not (path.is_dir() and path.parent == self.state)
            }
        if self.work.is_dir():
            found |= {f"work {path.name}" for path in self.work.iterdir() if path.name.startswith(".")}
        return found

    # -- the learner's files -------------------------------------------------------------------------------

    def contents(self, lab: Lab, *, aside: bool = True) -> set[tuple[str, str]]:
        """Return the name and digest of each file in a lab's work folder, and of those that were set aside."""
        folders = [self.work / lab.slug]
        if aside:
            folders += (self.work / "set-aside").glob(f"{lab.slug}-*")
        return {
            (path.relative_to(folder).as_posix(), _digest(path))
            for folder in folders
            for path in folder.rglob("*")
            if path.is_symlink() or path.is_file()
        }

    def edit(self, lab: Lab, number: int) -> None:
        """Do some work: files, folders, a link, a program."""
        folder = self.work / lab.slug
        (folder / "notes" / "deep").mkdir(parents=True, exist_ok=True)
        for name in ("mine.txt", "notes/mine.txt", "notes/deep/mine.txt", ".hidden"):
            (folder / name).write_text(f"round {number} {name}\n", encoding="utf-8")
        (folder / "run").write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / "run").chmod(0o755)
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to(f"nowhere-{number}")


def kill(process: subprocess.Popen[str], *, alone: bool) -> None:
    """Kill a process as the system does when memory is short: alone, or with all that it started."""
    if alone:
        process.kill()
        return
    pids = {process.pid}
    for pid in [process.pid, *_marked()]:  # held still first: none of them may see another's end
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            pids.add(pid)
    for pid in {*pids, *_marked()}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def end_marked() -> None:
    """End what a round left, so that the next one is not blamed for it."""

    def none_left() -> bool:
        left = _marked()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_until(none_left, 20)


def _marked() -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if TOKEN.encode() in (entry / "environ").read_bytes().split(b"\0"):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found.append(int(entry.name))
    return found


def may_stay(file: Path) -> bool:
    """Whether a file of the state folder, named from there, is one that `lab stop` leaves."""
    return file.parts[0] in STAY or file.parts[0].startswith(RECORD)


def _images(lab: Lab, listed: Iterable[dict[str, Any]]) -> set[str]:
    answers = "\n".join(entry.text or "" for answer in lab.answers for entry in answer.contents.values())
    names = Names({}, answers, lab.all_images)
    return {
        f"image {tag} {item['Id'][7:19]}"
        for item in listed
        for tag in item.get("RepoTags") or ["<none>"]
        if (item.get("Labels") or {}).get(LABEL) == lab.number or names.can_come_from_answer(tag)
    }


def _may_be_of(lab: Lab, labels: dict[str, str]) -> bool:
    project = labels.get("com.docker.compose.project", lab.project)
    return labels.get(LABEL, lab.number) == lab.number and project.startswith(lab.project)


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:160]
    return str(pid)


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link {path.readlink()}"
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return "unreadable"
