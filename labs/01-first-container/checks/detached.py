"""Whether a copy goes on without the terminal that started it."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from checker.grading.author import fail, insides, moment, past_events, read_processes

from .copies import sees_other_processes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.grading.author import Container, Engine, Lab, Process

    from .copies import Copy

SECTION = "Lesson, “End the command”"


def require_detached(lab: Lab, engine: Engine, copy: Copy, container: Container) -> None:
    """Fail when the copy was started by a command that stays attached, or serves from an exec session."""
    client = _attached_client(lab, engine, copy, container)
    if client:
        fail(
            f"`{copy.name}` answers, but it was started by a command that stays attached: its output goes to one "
            "terminal, and Ctrl-C there, or a signal to that command, ends the copy.",
            expected=f"the command that starts {copy.name} returns at once, and the copy goes on",
            seen="the command that started it did not detach",
            source="docker events, docker top",
            evidence=client,
            hint=f"{SECTION}: which option gives you the prompt back while the copy runs?",
        )
    listener = _command_of_a_session(container, copy.port)
    if listener:
        fail(
            f"What answers for `{copy.name}` was not started by the container's main process, but in a session beside "
            "it. The engine knows nothing of it, and after the next start of the container nobody answers.",
            expected="the container's main process, number 1, or a child of it listens",
            seen=f"process {listener.number} listens, "
            + (
                "and the session that began it is not the main process's"
                if listener.parent
                else "and its parent is outside the container"
            ),
            source=f"docker top {copy.name}",
            evidence=f"{listener.name}, process {listener.number}",
            hint=f"{SECTION}: what did the main process of the copy there do, and who chose it?",
        )


def _attached_client(lab: Lab, engine: Engine, copy: Copy, container: Container) -> str:
    """Return the trace of a command that started this copy and stays attached to it, else nothing."""
    config = container.attrs["Config"]
    # A copy with a terminal of its own (-t) can be left by Ctrl-P Ctrl-Q, of which engines tell no event: whether its
    # command still runs is to be seen where commands run. Without one, only the end of the copy ends the command.
    if not config.get("Tty") and (trace := _attached_by_events(engine, copy, container)):
        return trace
    # The engine remembers only its last 256 events; the command itself can be seen for longer.
    if config.get("AttachStdout"):
        places = {
            "in the toolbox": [(line, "") for _, line in lab.node("toolbox").processes()],
            "on this machine": _commands_here(),
        }
        for place, lines in places.items():
            for line, folder in lines:
                if _stays_attached(line, folder, copy.name, container.labels):
                    return f"running {place}: {line[:160]}"
    return ""


def _attached_by_events(engine: Engine, copy: Copy, container: Container) -> str:
    begun = moment(container.started_at)
    attached = 0.0
    events = past_events(engine, container.id, since=begun - 60)
    for event in events:
        if event.action == "attach" and event.at <= begun + 0.5:
            attached = event.at
        elif event.action in {"detach", "die"}:
            attached = 0.0
    started_before = any(event.action == "start" and attached < event.at < begun - 0.5 for event in events)
    return f"container attach {copy.name}, just before its start" if attached and not started_before else ""


def _commands_here() -> list[tuple[str, str]]:
    """Return the command line and the folder of this machine's processes, without those inside containers.

    The folder is empty where it cannot be read.
    """
    found: list[tuple[str, str]] = []
    with contextlib.suppress(OSError):
        own = Path("/proc/self/ns/pid").readlink()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (folder / "ns" / "pid").readlink() == own:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    found.append((b" ".join(words).decode(errors="replace"), _folder_of(folder)))
        return found
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["ps", "-axww", "-o", "args="], capture_output=True, text=True, timeout=3, check=False
        )
        return [(line, "") for line in done.stdout.splitlines()]
    return found


def _folder_of(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""


def _stays_attached(line: str, folder: str, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a command started this copy and still runs; `parcel` is not the beginning of `parcel-b`."""
    words = line.split()
    if "docker" not in line or "-d" in words or "--detach" in words or "--wait" in words:
        return False
    whole = rf"(?<![\w.-]){re.escape(name)}(?![\w.-])"
    return (
        bool(re.search(rf"\brun\b.*--name[ =]{whole}", line))
        or bool(re.search(rf"\bstart\b.* (-\w*[ai]\w*|--attach|--interactive)\b.*{whole}", line))
        or (bool(re.search(r"\bcompose\b.*\bup\b", line)) and _of_its_project(line, folder, labels))
    )


def _of_its_project(line: str, folder: str, labels: Mapping[str, str]) -> bool:
    """Whether a Compose command is about the project that made a copy; somebody may run another one beside it."""
    project = labels.get("com.docker.compose.project")
    if project is None:
        return False
    if named := re.search(r"(?:\s-p|--project-name)[ =]?(\S+)", line):
        return named[1] == project
    return not folder or folder == labels.get("com.docker.compose.project.working_dir")


def _command_of_a_session(container: Container, port: int) -> Process | None:
    """Return the process that answers, when it does not descend from the container's main process."""
    # Among the processes of another container or of the machine, none of its own is number 1.
    seen = None if sees_other_processes(container) else read_processes(container)
    if seen is None:
        return None
    for inside in insides(container, port):
        if (listener := seen.on(inside)) and not seen.is_main(listener):
            return listener
    return None
