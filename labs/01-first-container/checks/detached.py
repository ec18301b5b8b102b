"""Whether a copy goes on without the terminal that started it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from checker.grading.author import fail

from .moments import moment

if TYPE_CHECKING:
    from checker.grading.author import Container, Engine, Lab

    from .copies import Copy

SECTION = "Lesson, “Close the terminal”"


def require_detached(lab: Lab, engine: Engine, copy: Copy, container: Container) -> None:
    """Fail when the copy was started by a command that stays attached, or serves from an exec session."""
    client = _attached_client(lab, engine, copy, container)
    if client:
        fail(
            f"`{copy.name}` answers, but it was started by a command that stays attached: its output goes to one "
            "terminal, and Ctrl-C there, or a signal when the window closes, ends the copy.",
            expected=f"the command that starts {copy.name} returns at once, and the copy goes on",
            seen="the command that started it did not detach",
            source="docker events, docker top",
            evidence=client,
            hint=f"{SECTION}: which option gives you the prompt back while the copy runs?",
        )
    image = lab.image(container.image_id) or {"Config": {}}
    wanted = [*(image["Config"].get("Entrypoint") or []), *(image["Config"].get("Cmd") or [])]
    if [container.attrs["Path"], *container.attrs["Args"]] == wanted:
        return
    first = _command_of_a_session(container)
    if first:
        fail(
            f"What answers for `{copy.name}` is not the container's main process: it was started in a session beside "
            "it. The engine knows nothing of it, and after the next start of the container nobody answers.",
            expected="the container's main process, number 1, or a child of it listens",
            seen=f"process {first[0]} listens, and its parent is outside the container",
            source=f"docker top {copy.name}",
            evidence=first[1],
            hint=f"{SECTION}: what did the main process of the copy there do, and who chose it?",
        )


def _attached_client(lab: Lab, engine: Engine, copy: Copy, container: Container) -> str:
    """Return the trace of a command that started this copy and stays attached to it, else nothing."""
    begun = moment(container.started_at)
    filters = {
        "type": ["container"],
        "container": [container.id],
        "event": ["attach", "start", "detach", "die"],
    }
    seen = [
        (event["timeNano"] / 1e9, event["Action"])
        for event in engine.events(since=begun - 60, until=time.time(), filters=filters)
    ]
    attached = 0.0
    for at, action in seen:
        if action == "attach" and at <= begun + 0.5:
            attached = at
        elif action in {"detach", "die"}:
            attached = 0.0
    if attached and not any(action == "start" and attached < at < begun - 0.5 for at, action in seen):
        return f"container attach {copy.name}, just before its start"
    # The engine remembers only its last 256 events; the command itself can be seen in the toolbox for longer.
    if container.attrs["Config"].get("AttachStdout"):
        for line in _commands(engine, lab.node("toolbox").id):
            if _stays_attached(line, copy.name):
                return f"running in the toolbox: {line[:160]}"
    return ""


def _commands(engine: Engine, container: str) -> list[str]:
    found: dict[str, Any] = engine.get(f"/containers/{container}/top")
    column = found["Titles"].index("CMD") if "CMD" in found["Titles"] else -1
    return [row[column] for row in found["Processes"]]


def _stays_attached(line: str, name: str) -> bool:
    words = line.split()
    if "docker" not in line or "-d" in words or "--detach" in words or "--wait" in words:
        return False
    return (
        bool(re.search(rf"\brun\b.*--name[ =]{re.escape(name)}\b", line))
        or bool(
            re.search(rf"\bstart\b.* (-\w*[ai]\w*|--attach|--interactive)\b.*\b{re.escape(name)}\b", line)
        )
        or bool(re.search(r"\bcompose\b.*\bup\b", line))
    )


def _command_of_a_session(container: Container) -> tuple[int, str] | None:
    """Return number and name of the process that listens, when it does not descend from process 1."""
    done = container.exec(
        "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; echo =; cat /proc/[0-9]*/stat 2>/dev/null; echo =; "
        "ls -l /proc/[0-9]*/fd 2>/dev/null; true"
    )
    sockets, stats, files = done.stdout.split("=\n", 2)
    inodes = {line.split()[9] for line in sockets.splitlines() if " 0A " in line}
    processes = {
        int(number): (name, int(parent))
        for number, name, parent in re.findall(r"^(\d+) \((.*)\) \S (\d+)", stats, re.MULTILINE)
    }
    listening = None
    for line in files.splitlines():
        if heading := re.match(r"/proc/(\d+)/fd:", line):
            owner = int(heading[1])
        elif (link := re.search(r"socket:\[(\d+)\]", line)) and link[1] in inodes:
            listening = owner
    if listening not in processes:
        return None
    ancestor = listening
    while ancestor > 1 and ancestor in processes:
        ancestor = processes[ancestor][1]
    return None if ancestor == 1 else (listening, f"{processes[listening][0]}, process {listening}")
