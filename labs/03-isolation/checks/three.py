"""The three containers that the task asks for: found by name, up, and answering on a port of their own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.author import fail, wait_until

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Outside, Reply

INSIDE = 7070
"""The port on which all three listen, and which none of them lets anybody change."""

START_SECONDS = 6.0
"""How long one may take from its start to its first answer; measured at 0.4 s on two cores."""

EVERYWHERE = frozenset({"", "0.0.0.0", "::", "127.0.0.1"})  # noqa: S104 - addresses to compare with, not to bind
"""Host addresses of a published port that 127.0.0.1 of this machine leads to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One container of the task: its name, the service in it, and the port of this machine that leads to it."""

    name: str
    service: str
    port: int
    version: str
    library: str = ""

    @property
    def url(self) -> str:
        """Where a person on this machine reaches it."""
        return f"http://127.0.0.1:{self.port}"


V1 = Asked("tariff-v1", "tariff", 8091, "1.0", "postage 1.")
V2 = Asked("tariff-v2", "tariff", 8092, "2.0", "postage 2.")
CRUNCHER = Asked("cruncher", "cruncher", 8093, "1.0")
VERSIONS = (V1, V2)
ALL = (V1, V2, CRUNCHER)


def find(lab: Lab, asked: Asked) -> Container | None:
    """Return the container of this name, or the one that Compose made for a service of this name."""
    if found := lab.container(asked.name):
        return found
    for container in lab.containers():
        if container.labels.get("com.docker.compose.service") == asked.name:
            return container
    return None


def present(lab: Lab) -> dict[Asked, Container]:
    """Return those of the three that exist."""
    return {asked: found for asked in ALL if (found := find(lab, asked))}


def age(moment: str) -> float:
    """Return how many seconds ago the engine says that something was."""
    try:
        # Engines write nanoseconds, of which Python reads six digits.
        then = dt.datetime.fromisoformat(moment[:26].rstrip("Z")).replace(tzinfo=dt.UTC)
    except ValueError:
        return 0.0
    return (dt.datetime.now(dt.UTC) - then).total_seconds()


# -- up? -----------------------------------------------------------------------------------------------------


def require_running(lab: Lab, asked: Asked) -> Container:
    """Return the container; fail, with what became of it, unless it runs."""
    container = find(lab, asked)
    if container is None:
        _fail_absent(lab, asked)
    expected = f"a container named {asked.name} that is running"
    source = f"docker ps --all --filter name={asked.name}"
    if container.status == "restarting":
        wait_until(lambda: container.reload().status != "restarting", 3.0)
    if container.status == "paused":
        fail(
            f"`{asked.name}` is paused: frozen with all it holds, it neither harms nor serves. Containing it means "
            "that it goes on working, within its bounds.",
            expected=expected,
            seen="status: paused",
            source=source,
            hint="`docker --help` lists what undoes a pause. Lesson, “Your turn”, says what has to go on.",
        )
    if container.status == "created":
        fail(
            f"`{asked.name}` was made but does not run: it could not start, or nobody started it.",
            expected=expected,
            seen=f"status: created. {container.attrs['State'].get('Error') or ''}".rstrip(". ") + ".",
            source=f"docker inspect {asked.name}",
            hint="The message above says what the engine could not give it. Two containers cannot publish one port.",
        )
    if not container.running:
        _fail_ended(asked, container)
    return container


def _fail_absent(lab: Lab, asked: Asked) -> NoReturn:
    others = [item for item in present(lab).values() if _leads(item, asked.port)]
    if others and asked is not CRUNCHER:
        ports = " and ".join(str(port) for port in sorted({port for port, _ in _published(others[0])}))
        said = f"`{others[0].name}` publishes {ports}"
        fail(
            f"There is no container `{asked.name}`; one box stands for two: {said}. A second port leads to the same "
            "program, the same library and the same file, so the second version is nowhere.",
            expected=f"a container named {asked.name}, with port {asked.port} of this machine",
            seen=f"{others[0].name} on ports {ports}",
            source="docker ps",
            hint="Lesson, “Version 2 beside it”: what does a container of its own give to a version?",
        )
    if asked is CRUNCHER:
        fail(
            "There is no container named `cruncher`: it was never started, or it was removed. A neighbour that is "
            "shut out is not contained; whoever needs its sums gets none.",
            expected="a container named cruncher that is running",
            seen="no container named cruncher, running or stopped",
            source="docker ps --all",
            hint="Lesson, “Your turn”: all three are to be in service at the same time.",
        )
    fail(
        f"There is no container named `{asked.name}`, so nobody answers for tariff {asked.version}.",
        expected=f"a container named {asked.name} that is running",
        seen="containers of this lab: " + (", ".join(item.name for item in lab.containers()) or "none"),
        source="docker ps --all",
        hint=f"Lesson, “Version {asked.version[0]}”, says which container is asked for.",
    )


def _fail_ended(asked: Asked, container: Container) -> NoReturn:
    code, log = container.exit_code, container.logs(3).strip()
    seen = f"status: {container.status}, exit code {code}" + (
        ", OOMKilled: true" if container.oom_killed else ""
    )
    facts = {
        "expected": f"a container named {asked.name} that is running",
        "seen": seen,
        "source": f"docker logs --tail 3 {asked.name}",
        "evidence": log,
    }
    if container.oom_killed:
        _fail_strangled(asked, container, seen)
    if "ledger" in log and "wanted is" in log:
        fail(
            f"`{asked.name}` ended at once: it found a ledger that another version had written. So the two do not "
            "have a file each: what both write to lies in a place that both were given.",
            **facts,
            hint=f"`docker inspect {asked.name}`, section Mounts. Does the task ask for a volume at all?",
        )
    if "Address already in use" in log:
        fail(
            f"`{asked.name}` ended at once: somebody holds port {INSIDE} where it wanted to listen. With a network of "
            "its own it would be alone there.",
            **facts,
            hint="Lesson, “One box”: the same message. Which network was this container given?",
        )
    if "cannot use the ledger" in log:
        fail(
            f"`{asked.name}` ended at once: it cannot write its ledger.",
            **facts,
            hint="What did you lay over /var/lib/tariff, and who may write there? The task asks for no volume.",
        )
    if asked is CRUNCHER:
        how = "was killed from outside" if code == 137 else "was stopped" if code in {0, 143} else "ended"
        fail(
            f"`cruncher` {how}, not contained. Nobody is harmed by a neighbour that is dead, but nobody is served by "
            "it either: the limit is to hold it while it works.",
            **facts,
            hint="Lesson, “Your turn”: a limit is something the container is started with, or given while it runs.",
        )
    fail(
        f"`{asked.name}` has ended, so nobody answers for tariff {asked.version}.",
        **facts,
        hint="The last line of its log says why.",
    )


def _fail_strangled(asked: Asked, container: Container, seen: str) -> NoReturn:
    fail(
        f"The kernel ended the service in `{asked.name}`, because its own limit of "
        f"{mb(container.host_config['Memory'])} leaves it no room. Contained is not strangled: a limit has to leave "
        "enough to serve with.",
        expected=f"{asked.name} answers, within its limit",
        seen=seen,
        source=f"docker inspect {asked.name}",
        evidence=container.logs(3).strip(),
        hint="Lesson, “A wall around memory”: `docker stats` shows how much one of them needs at rest.",
    )


# -- answering? ----------------------------------------------------------------------------------------------


def require_answer(outside: Outside, asked: Asked, container: Container) -> dict[str, Any]:
    """Return what the service says on its port; fail unless it is this service, in this container."""
    if not _leads(container, asked.port):
        _fail_unpublished(asked, container)
    left = START_SECONDS - age(container.started_at)
    reply = outside.get(f"{asked.url}/", timeout=5.0, patience=max(0.0, left))
    if not reply.ok:
        _fail_silent(asked, container, reply)
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


def _published(container: Container) -> list[tuple[int, int]]:
    """List the ports that lead into a container: outside, inside."""
    bound = container.host_config.get("PortBindings") or {}
    return [
        (int(at["HostPort"]), int(inside.partition("/")[0]))
        for inside, outside in bound.items()
        for at in outside or ()
        if at.get("HostPort", "").isdecimal() and at.get("HostIp", "") in EVERYWHERE
    ]


def _leads(container: Container, port: int) -> bool:
    return any(outside == port for outside, _ in _published(container))


def _fail_unpublished(asked: Asked, container: Container) -> NoReturn:
    found = _published(container)
    told = ", ".join(f"{outside}→{inside}" for outside, inside in found) or "none"
    fail(
        f"`{asked.name}` runs, but port {asked.port} of this machine does not lead to it: a wall has no door until "
        "one is made.",
        expected=f"port {asked.port} of this machine leads to port {INSIDE} of {asked.name}",
        seen=f"published ports: {told}; network: {container.host_config.get('NetworkMode')}",
        source=f"docker port {asked.name}",
        hint="Lesson, “Version 1 in a box of its own”: which part of the command makes the door?",
    )


def _fail_silent(asked: Asked, container: Container, reply: Reply) -> NoReturn:
    inside = [inside for outside, inside in _published(container) if outside == asked.port]
    if inside and INSIDE not in inside:
        fail(
            f"Port {asked.port} leads to port {inside[0]} of `{asked.name}`, where nothing listens.",
            expected=f"port {asked.port} of this machine leads to port {INSIDE} of {asked.name}",
            seen=f"{asked.port}→{inside[0]}, {reply.summary}",
            source=f"docker port {asked.name}",
            hint="`docker logs` says which port the program listens on. Which side of the colon is whose?",
        )
    if container.reload().oom_killed:
        _fail_strangled(asked, container, f"{reply.summary}; OOMKilled: true")
    fail(
        f"`{asked.name}` runs and has port {asked.port}, but does not answer there.",
        expected=f"HTTP 200 from {asked.url}/",
        seen=reply.summary,
        source=f"curl {asked.url}/",
        evidence=container.logs(3).strip(),
        hint=f"`docker logs {asked.name}` and `docker stats {asked.name}`: did it start, and has it room to work?",
    )


def mb(number: float) -> str:
    """Write a number of bytes as people say it: 128 MB is what `128m` gives."""
    if number >= 1 << 60:
        return "no limit"
    return f"{number / (1 << 30):.3g} GB" if number >= 1 << 30 else f"{number / (1 << 20):.0f} MB"
