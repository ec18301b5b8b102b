"""The three containers that the task asks for: what each is to be, and where it is found."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from checker.grading.author import Blocked, Door, Reason, Reasons, Wanted, in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from checker.grading.author import Container, Lab

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

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
    begins: str = "listens"
    """What its log says of it at each start, before the port."""

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
CRUNCHER = Asked(
    "cruncher",
    "cruncher",
    PORTS["cruncher"],
    "1.0",
    "/app/cruncher.py",
    value="neighbour_port",
    begins="answers",
)
VERSIONS = (V1, V2)
ALL = (V1, V2, CRUNCHER)


def find(lab: Lab, asked: Asked) -> Container | None:
    """Return the container of this name, or the one that Compose made for a service of this name."""
    return lab.find_container(asked.wanted)


@functools.cache
def image_of(lab: Lab, reference: str) -> dict[str, Any] | None:
    """Return the engine's record of an image that came with the lab; it is looked at once in a verdict."""
    return lab.image(reference)


def present(lab: Lab) -> dict[Asked, Container]:
    """Return those of the three that exist."""
    return {asked: found for asked in ALL if (found := find(lab, asked))}


_Found = TypeVar("_Found")


def of_each(function: Callable[[Asked], _Found], several: Iterable[Asked] = VERSIONS) -> dict[Asked, _Found]:
    """Return what a function returns for each of several containers; it waits for all of them at the same time."""
    found: dict[Asked, _Found] = {}
    in_parallel(lambda asked: found.update({asked: function(asked)}), several)
    return found


def published(container: Container) -> set[int]:
    """Return the ports of this machine that lead into a container."""
    return {there for pairs in container.ports.values() for _, there in pairs}


def mb(number: float) -> str:
    """Write a number of bytes as people say it: 128 MB is what `128m` gives."""
    if number >= 1 << 60:
        return "no limit"
    return f"{number / (1 << 30):.3g} GB" if number >= 1 << 30 else f"{number / (1 << 20):.0f} MB"
