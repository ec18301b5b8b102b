"""The three containers that the task asks for: found by name, up, and answering on a port of their own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from checker.errors import EngineError
from checker.grading.author import (
    Blocked,
    Door,
    Process,
    Reason,
    Wanted,
    fail,
    in_parallel,
    insides,
    killed_by_kernel,
    last_lines,
    moment,
    past_events,
    read_processes,
    runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from checker.grading.author import Container, Lab, Outside, Reply

INSIDE = 7070
"""The port on which all three listen, and which none of them lets anybody change."""

START_SECONDS = 60.0
"""How long one that goes on starting is waited for; it takes 0.4 s on two cores, and long with a hundredth of one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One container of the task: its name, the service in it, and the port of this machine that leads to it."""

    name: str
    service: str
    port: int
    version: str
    program: str
    library: str = ""
    value: str = ""
    """What lab.toml calls its port, where that can differ from learner to learner."""

    @property
    def image(self) -> str:
        """What it is to run."""
        return f"drydock/{self.service}:{self.version}"

    @property
    def url(self) -> str:
        """Where a person on this machine reaches it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def wanted(self) -> Wanted:
        """The container, as the check API looks for it."""
        if self.service == "cruncher":
            purpose = "the people who need its sums get none: a neighbour that is shut out is not contained"
            hints = dict.fromkeys(
                (Reason.ABSENT, Reason.REMOVED, Reason.PAUSED),
                "Lesson, “Your turn”: all three are to be in service at the same time.",
            )
        else:
            purpose = f"nobody answers for tariff {self.version}"
            hints = {
                Reason.ABSENT: f"Lesson, “Version {self.version[0]}”, says which container is asked for.",
                Reason.REFUSED: "The message above says what the engine could not give it. Two containers cannot publish one port.",
            }
        return Wanted(
            self.name, image=self.image, purpose=purpose, service=True, known=frozenset(PORTS), hints=hints
        )

    @property
    def door(self) -> Door:
        """The port, as the check API looks for it."""
        others = {**PORTS, self.name: self.port}
        return Door(self.port, inside=INSIDE, others=others, hints=_HINTS, start_seconds=START_SECONDS)

    def of(self, lab: Lab) -> Asked:
        """Return it with the port that the learner is to give it."""
        return replace(self, port=int(lab.value(self.value))) if self.value else self


_HINTS = {
    Blocked.UNPUBLISHED: "Lesson, “Version 1 in a box of its own”: which part of the command makes the door?",
    Blocked.OTHER_PORT: "Lesson, “Your turn”, has the numbers. Which side of the colon is whose?",
    Blocked.NOBODY_INSIDE: "Its log says which port the program listens on. Which side of the colon is whose?",
    Blocked.STARTING: "`docker stats`: has it room to work? A program that gets a hundredth of a core starts for a minute.",
    Blocked.SILENT: "Its log and `docker stats`: did it start, and has it room to work?",
}

LEDGER = "/var/lib/tariff/ledger"

PORTS = {"tariff-v1": 8091, "tariff-v2": 8092, "cruncher": 8093}
V1 = Asked("tariff-v1", "tariff", PORTS["tariff-v1"], "1.0", "/usr/bin/tariff-v1", "postage 1.")
V2 = Asked("tariff-v2", "tariff", PORTS["tariff-v2"], "2.0", "/usr/bin/tariff-v2", "postage 2.")
CRUNCHER = Asked("cruncher", "cruncher", PORTS["cruncher"], "1.0", "/app/cruncher.py", value="neighbour_port")
VERSIONS = (V1, V2)
ALL = (V1, V2, CRUNCHER)


def find(lab: Lab, asked: Asked) -> Container | None:
    """Return the container of this name, or the one that Compose made for a service of this name."""
    return lab.find_container(asked.wanted)


def present(lab: Lab) -> dict[Asked, Container]:
    """Return those of the three that exist."""
    return {asked: found for asked in ALL if (found := find(lab, asked))}


_Found = TypeVar("_Found")


def of_each(function: Callable[[Asked], _Found], several: Iterable[Asked] = VERSIONS) -> dict[Asked, _Found]:
    """Return what a function returns for each of several containers; it waits for all of them at the same time."""
    found: dict[Asked, _Found] = {}
    in_parallel(lambda asked: found.update({asked: function(asked)}), several)
    return found


# -- up? -----------------------------------------------------------------------------------------------------


def require_running(lab: Lab, asked: Asked) -> Container:
    """Return the container; if it does not run and stay up, fail with what happened to it."""
    return lab.require_container(
        asked.wanted,
        lambda container: _tell_ended(lab, asked, container),
        lambda: _require_no_box_for_two(lab, asked),
    )


def _require_no_box_for_two(lab: Lab, asked: Asked) -> None:
    if asked.service == CRUNCHER.service:
        return
    # One that leads here alone is published on the wrong port: its own check says so.
    others = [
        item
        for other, item in present(lab).items()
        if other in VERSIONS and insides(item, asked.port) and insides(item, other.port)
    ]
    if not others:
        return
    ports = " and ".join(str(port) for port in sorted(_published(others[0])))
    fail(
        f"There is no container `{asked.name}`; one box stands for two: `{others[0].name}` publishes {ports}. A second port "
        "leads to the same program, the same library and the same file, so the second version is nowhere.",
        expected=f"a container named {asked.name}, with port {asked.port} of this machine",
        seen=f"{others[0].name} on ports {ports}",
        source="docker ps",
        hint="Lesson, “Version 2 beside it”: what does a container of its own give to a version?",
    )


def require_own_port(lab: Lab, asked: Asked, container: Container) -> None:
    """Fail if the container is published on the lesson's port, or another learner's, and not on the learner's own."""
    published = _published(container)
    if not asked.value or asked.port in published:
        return
    for port in sorted(published):
        lab.require_value(
            asked.value,
            str(port),
            says=f"`{asked.name}` is published on port",
            source=f"docker port {asked.name}",
            known_only=True,
        )


def _published(container: Container) -> set[int]:
    return {there for pairs in container.ports.values() for _, there in pairs}


def _tell_ended(lab: Lab, asked: Asked, container: Container) -> None:
    """Say what only this lab knows of the end of one of the three."""
    code, log = container.exit_code, last_lines(container, 3)
    seen = f"status: {container.status}, exit code {code}" + (
        ", OOMKilled: true" if container.oom_killed else ""
    )
    facts = {
        "expected": f"a container named {asked.name} that is running",
        "seen": seen,
        "source": f"docker logs --tail 3 {asked.name}",
        "evidence": log,
    }
    if killed_by_kernel(
        container, past_events(lab.engine, container.id, since=moment(container.created) - 1)
    ):
        _fail_strangled(asked, container, seen)
    if "ledger" in log and "wanted is" in log:
        _fail_found_ledger(lab, asked, container, facts)
    if "Address already in use" in log:
        fail(
            f"`{asked.name}` ended at once: somebody holds port {INSIDE} where it wanted to listen. With a network of "
            "its own it would be alone there.",
            **facts,
            hint="Lesson, “One box”: the same message. Which network was this container given?",
        )
    if "cannot use the ledger" in log and "Read-only file system" in log:
        fail(
            f"`{asked.name}` ended at once: its file system is read-only, so it cannot write its ledger.",
            **facts,
            hint="Which option made it read-only? The ledger is in /var/lib/tariff, and only that folder is written to.",
        )
    if "cannot use the ledger" in log:
        fail(
            f"`{asked.name}` ended at once: it cannot write its ledger.",
            **facts,
            hint="What did you lay over /var/lib/tariff, and who may write there? The task asks for no volume.",
        )


def _fail_found_ledger(lab: Lab, asked: Asked, container: Container, facts: dict[str, str]) -> NoReturn:
    """Say whether the other version writes to the ledger that it found, or somebody left it there before."""
    place = container.mounted_on(LEDGER)
    both = [
        other for other, item in present(lab).items() if other != asked and item.mounted_on(LEDGER) == place
    ]
    fail(
        f"`{asked.name}` ended at once: it found a ledger that is not in its format. "
        + (
            f"`{both[0].name}` was given the same place: the two do not have a file each."
            if place and both
            else "It lies in a place that was given to this container, and something wrote to it before: another version in an "
            "earlier attempt, for example."
            if place
            else "Something else wrote to this container's own file."
        ),
        **facts,
        hint=f"`docker inspect {asked.name}`, section Mounts. Does the task ask for a volume at all?",
    )


def _fail_strangled(asked: Asked, container: Container, seen: str) -> None:
    if not container.host_config.get("Memory"):
        fail(
            f"The kernel ended the service in `{asked.name}`, because this machine ran out of memory. It has no limit of its own: "
            "another program took what it needed.",
            expected=f"{asked.name} answers, whatever the others take",
            seen=seen,
            source=f"docker inspect {asked.name}",
            evidence=last_lines(container, 3),
            hint="`docker stats`: which one takes all the memory that it finds, and what is its limit?",
        )
    fail(
        f"The kernel ended the service in `{asked.name}`, because its own limit of "
        f"{mb(container.host_config['Memory'])} leaves it no room. Contained is not strangled: a limit has to leave "
        "enough to serve with.",
        expected=f"{asked.name} answers, within its limit",
        seen=seen,
        source=f"docker inspect {asked.name}",
        evidence=last_lines(container, 3),
        hint="Lesson, “A wall around memory”: `docker stats` shows how much one of them needs at rest.",
    )


# -- answering? ----------------------------------------------------------------------------------------------


def require_answer(lab: Lab, outside: Outside, asked: Asked, container: Container) -> dict[str, Any]:
    """Return what the service says on its port; fail unless it is this service, in this container."""
    said = require_said(lab, outside, asked, container)
    _require_program(asked, container)
    config = (lab.image(asked.image) or {}).get("Config") or {}
    if [container.attrs["Path"], *container.attrs["Args"]] != [
        *(config.get("Entrypoint") or ()),
        *(config.get("Cmd") or ()),
    ]:
        _require_to_stay_up(asked, container)
    return said


def _require_to_stay_up(asked: Asked, container: Container) -> None:
    """Fail unless the program goes on as long as its container: a command of one's own may start it again and again, or not at all."""
    facts = {
        "expected": f"one start of {asked.program}, by the main process of {asked.name}",
        "source": f"docker top {asked.name}",
        "evidence": container.main_command[:160],
        "hint": "What stands behind the image's name in your command? It takes the place of the program that the image names.",
    }
    seen = read_processes(container)
    listener = seen.on(INSIDE) if seen else None
    if seen and listener and not seen.is_main(listener):
        fail(
            f"The program that answers for `{asked.name}` was started beside the container's main process, as `docker exec` does. It is gone "
            "when the container starts again.",
            seen=f"process {listener.number}: {listener.told}",
            **facts,
        )
    log = ""
    with suppress(EngineError):
        log = container.engine.logs(container.id, 200, since=moment(container.started_at))
    starts = log.count(f"listens on port {INSIDE}")
    if starts > 1:
        fail(
            f"The container `{asked.name}` stays up, and its program does not: it ends again and again, and something in the container starts "
            "it again.",
            seen=f"{starts} starts of the program since the container started",
            **facts,
        )


def require_said(lab: Lab, outside: Outside, asked: Asked, container: Container) -> dict[str, Any]:
    """Return what the service says on its port; fail unless it says that it is this service."""

    def silent(found: Container, reply: Reply) -> None:
        # The neighbour's worker is killed at the limit, and its service goes on: that is no reason for silence. It says so
        # itself when its service was killed.
        ended = found.restarts or not found.running or "service itself was killed" in found.logs(20)
        if found.oom_killed and reply.error and ended:
            _fail_strangled(asked, found, f"{reply.summary}; OOMKilled: true")

    reply = lab.require_reply(outside, container, asked.door, silent)
    said = reply.json()
    if not isinstance(said, dict) or said.get("service") != asked.service:
        fail(
            f"Something answers on port {asked.port}, but it is not {asked.service}.",
            expected=f'HTTP 200 with "service": "{asked.service}"',
            seen=reply.summary,
            source=f"curl {asked.url}/",
            hint=f"Which image does `{asked.name}` run? Lesson, “Your turn”, names the one that is asked for.",
        )
    return said


def _require_program(asked: Asked, container: Container) -> None:
    """Fail when the service's program is not among the container's processes: something else answers in its place."""
    if INSIDE not in insides(container, asked.port):
        leads = ", ".join(str(inside) for inside in sorted(insides(container, asked.port)))
        fail(
            f"Port {asked.port} leads to port {leads} inside `{asked.name}`, and what answers there is not the program of "
            f"{asked.image}: that one listens on {INSIDE}.",
            expected=f"port {asked.port} leads to port {INSIDE} of {asked.name}",
            seen=f"it leads to port {leads}",
            source=f"docker port {asked.name}",
            hint="What stands behind the image's name in your command? It takes the place of the program that the image names.",
        )
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
    fail(
        f"What answers for `{asked.name}` is not the program of {asked.image}: the container was started with one of its own, "
        "which gives the same answer.",
        expected=f"{asked.program} answers, no matter who starts it",
        seen=f"it runs {commands[0][:160] if commands else 'nothing'}",
        source=f"docker top {asked.name}",
        evidence="\n".join(command[:160] for command in commands[:4]),
        hint="What stands behind the image's name in your command? It takes the place of the program that the image names.",
    )


def _is_program(container: Container, command: str, programs: Iterable[str]) -> bool:
    """Whether a command line runs one of these programs; one that only names it as an argument does not."""
    folder = str(container.attrs["Config"].get("WorkingDir") or "/")
    process = Process(0, 0, "", folder, tuple(command.split()))
    return any(runs(process, program) for program in programs)


def mb(number: float) -> str:
    """Write a number of bytes as people say it: 128 MB is what `128m` gives."""
    if number >= 1 << 60:
        return "no limit"
    return f"{number / (1 << 30):.3g} GB" if number >= 1 << 30 else f"{number / (1 << 20):.0f} MB"
