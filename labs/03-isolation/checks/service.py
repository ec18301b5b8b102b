"""Whether one of the three answers on a port of its own, and whether it is the image's program that does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from checker.errors import EngineError
from checker.grading.author import Process, insides, last_lines, moment, read_processes, runs

from .given import runs_its_program, runs_own_command
from .three import ALL, INSIDE, WHY, image_of, published
from .up import SERVICE_KILLED, fail_strangled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checker.grading.author import Container, Lab, Outside, Reply

    from .three import Asked


def require_own_port(lab: Lab, asked: Asked, container: Container) -> None:
    """Fail if the container is published on the lesson's port, or another learner's, and not on the learner's own."""
    there = published(container)
    if not asked.value or asked.port in there:
        return
    for port in sorted(there):
        lab.require_value(
            asked.value,
            str(port),
            says=f"`{asked.name}` is published on port",
            source=f"docker port {asked.name}",
            known_only=True,
        )


def require_answer(lab: Lab, outside: Outside, asked: Asked, container: Container) -> dict[str, Any]:
    """Return what the service says on its port; fail unless it is this service, in this container."""
    said = require_said(lab, outside, asked, container)
    _require_program(lab, asked, container)
    if not runs_own_command(container, image_of(lab, asked.image) or {}):
        _require_to_stay_up(asked, container)
    return said


def _require_to_stay_up(asked: Asked, container: Container) -> None:
    """Fail unless the program goes on as long as its container: a command of one's own may start it again and again, or not at all."""
    command = container.main_command[:160]
    seen = read_processes(container)
    listener = seen.on(INSIDE) if seen else None
    if seen and listener and not seen.is_main(listener):
        beside = f"process {listener.number}: {listener.told}"
        WHY.fail("started-beside", who=asked.name, program=asked.program, seen=beside, evidence=command)
    log = ""
    # On a busy machine, the engine writes down a start after the program's first line: the last end is what tells runs apart.
    with suppress(EngineError):
        log = container.engine.logs(container.id, 200, since=moment(container.ended_at))
    # The neighbour's own script starts its service again, and says so, when the kernel had to end that one.
    starts = log.count(f"{asked.begins} on port {INSIDE}") - log.count("killed; starting it again")
    if starts > 1:
        again = f"{starts} starts of the program since the container started"
        WHY.fail("started-again-inside", who=asked.name, program=asked.program, seen=again, evidence=command)


def require_said(lab: Lab, outside: Outside, asked: Asked, container: Container) -> dict[str, Any]:
    """Return what the service says on its port; fail unless it says that it is this service."""

    def silent(found: Container, reply: Reply) -> None:
        # The neighbour's worker is killed at the limit, and its service goes on: that is no reason for silence. It says so
        # itself when its service was killed.
        ended = found.restarts or not found.running or SERVICE_KILLED in last_lines(found, 20)
        if found.oom_killed and reply.error and ended:
            fail_strangled(asked, found, f"{reply.summary}; OOMKilled: true")

    reply = lab.require_reply(outside, container, asked.door, silent)
    said: dict[str, Any] = reply.json()
    WHY.require(
        isinstance(said, dict) and said.get("service") == asked.service,
        "another-service",
        who=asked.name,
        port=asked.port,
        service=asked.service,
        url=asked.url,
        seen=reply.summary,
    )
    return said


def _require_program(lab: Lab, asked: Asked, container: Container) -> None:
    """Fail when the service's program is not among the container's processes: something else answers in its place."""
    found = insides(container, asked.port)
    leads = ", ".join(str(inside) for inside in sorted(found))
    WHY.require(
        INSIDE in found,
        "another-port-inside",
        who=asked.name,
        port=asked.port,
        leads=leads,
        given=asked.image,
        inside=INSIDE,
        seen=f"it leads to port {leads}",
    )
    # The engine has to start a program to list processes.
    if runs_its_program(lab, asked, container):
        return
    # Which of the two versions answers is told by its answer.
    programs = {each.program for each in ALL if each.service == asked.service}
    # Asked from outside: a command started in the neighbour would ask for memory at the worst moment.
    commands = [command for _, command in container.processes()]
    if any(_is_program(container, command, programs) for command in commands):
        return
    # That may be from before it was ready; and a relative path counts from a folder that is only seen inside.
    seen = read_processes(container)
    if seen and any(runs(each, program) for each in seen.by_number.values() for program in programs):
        return
    WHY.fail(
        "another-program",
        who=asked.name,
        given=asked.image,
        program=asked.program,
        seen=f"it runs {commands[0][:160] if commands else 'nothing'}",
        evidence="\n".join(command[:160] for command in commands[:4]),
    )


def _is_program(container: Container, command: str, programs: Iterable[str]) -> bool:
    """Whether a command line runs one of these programs; one that only names it as an argument does not."""
    folder = str(container.attrs["Config"].get("WorkingDir") or "/")
    process = Process(0, 0, "", folder, tuple(command.split()))
    return any(runs(process, program) for program in programs)
