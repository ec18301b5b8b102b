"""The two copies of Parcel that the task asks for, and whether each one is up and stays up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.grading.author import Blocked, Door, Reason, Wanted

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

IMAGE = "drydock/parcel:1.0"
NAME_VARIABLE = "PARCEL_INSTANCE"
PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""

PRACTICE = frozenset({"practice", "practice-2", "tied"})
"""The copies that the lesson makes before the task begins."""

PORTS = {"parcel": 8081, "parcel-b": 8082}

START_SECONDS = 20.0
"""How long a copy that goes on starting is waited for; it takes 0.2 s on two cores."""

_RUNNING = {
    Reason.ABSENT: "Lesson, “Your turn”, says which containers are asked for; `docker ps --all` shows what you have.",
    Reason.UNNAMED: "Lesson, “Run a copy”: which part of the command names the container?",
    Reason.TIED: "Lesson, “End the command”: what does a copy need so that it goes on without you?",
    Reason.CREATED: "Lesson, “Run a copy”: which of the docker commands there makes and starts in one go?",
    Reason.REFUSED: "What does the engine's message name? Lesson, “What goes wrong”, has the frequent ones.",
    Reason.ENDED: "The last line of its log says what ended it. Lesson, “End the command”, has the same ending.",
}

_REACHED = {
    Blocked.HOST_NETWORK: "Lesson, “Give it a port”: one port is opened there, and the network stays the container's own.",
    Blocked.OTHERS_NETWORK: "Lesson, “Give it a port”: that copy has a network of its own, and one published port.",
    Blocked.NO_NETWORK: "Lesson, “Give it a port”: that copy was given no network at all, and the engine chose one. Which option took yours away?",
    Blocked.OTHER_ADDRESS: "Lesson, “Give it a port”, names what stands before the first colon there.",
    Blocked.UDP: "Lesson, “Give it a port”: what stands behind the second number there?",
    Blocked.NOT_OPENED: "The lesson's copies were given no network at all: the engine chose one. `docker network inspect` says which are internal.",
    Blocked.OUTSIDE: "Lesson, “Give it a port”: who opens the port there, and with which option?",
    Blocked.UNPUBLISHED: "Lesson, “Give it a port”: compare the PORTS column of `docker ps` before and after.",
    Blocked.NOBODY_INSIDE: "Lesson, “Give it a port”: of the two numbers of a published port, which is the container's?",
    Blocked.IDLE: "Lesson, “Your turn”, names the program that has to answer. What stands behind the image's name in your command?",
    Blocked.LOOPBACK_INSIDE: "What tells Parcel where to listen? Its log shows the address that it took at its start.",
}


@dataclass(frozen=True, slots=True)
class Copy:
    """One of the two copies: its container's name, the port of this machine that leads to it, and the name it answers with."""

    name: str
    port: int
    value: str
    """What lab.toml calls the name that it answers with."""

    @property
    def wanted(self) -> Wanted:
        """The container, as the check API looks for it."""
        return Wanted(
            self.name,
            image=IMAGE,
            purpose=f"there is nobody to answer on port {self.port}",
            known=PRACTICE | PORTS.keys(),
            hints=_RUNNING,
        )

    @property
    def door(self) -> Door:
        """The port, as the check API looks for it."""
        return Door(self.port, others=PORTS, hints=_REACHED, start_seconds=START_SECONDS)

    @property
    def url(self) -> str:
        """Where a person on this machine reaches it."""
        return self.door.url

    @property
    def asked(self) -> str:
        """The address as the learner knows it."""
        return self.door.asked


FIRST = Copy("parcel", PORTS["parcel"], "first_name")
SECOND = Copy("parcel-b", PORTS["parcel-b"], "second_name")


def require_running(lab: Lab, copy: Copy) -> Container:
    """Return the copy's container; fail unless it is up and stays up."""
    return lab.require_container(copy.wanted)


def sees_other_processes(container: Container) -> bool:
    """Whether it has no list of processes of its own, but the machine's or another container's: its number 1 is not its own."""
    return str(container.host_config.get("PidMode") or "").startswith(("host", "container:"))
