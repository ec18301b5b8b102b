"""A port that the task asks for, and where to look, for each reason why no request gets through it to a container."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Blocked(enum.StrEnum):
    """Why no request from the learner's machine reaches a container."""

    HOST_NETWORK = "host-network"
    OTHERS_NETWORK = "others-network"
    NO_NETWORK = "no-network"
    OTHER_ADDRESS = "other-address"
    UDP = "udp"
    NOT_OPENED = "not-opened"
    """Requested, but the container is on no network that the machine's ports lead to."""
    SWAPPED = "swapped"
    """Another container of the task uses the port."""
    HELD = "held"
    """Another container uses the port."""
    OUTSIDE = "outside"
    """A program outside the containers uses the port."""
    OTHER_PORT = "other-port"
    UNPUBLISHED = "unpublished"
    ONE_OFF = "one-off"
    """`docker compose run` made the container, without the ports of its service."""
    NOBODY_INSIDE = "nobody-inside"
    """The port leads to a container port on which nothing listens."""
    LOOPBACK_INSIDE = "loopback-inside"
    """The service listens on its own container's 127.0.0.1."""
    STARTING = "starting"
    IDLE = "idle"
    """Nothing listens inside, and its program does nothing to change that."""
    SILENT = "silent"


HINTS: Mapping[Blocked, str] = {
    Blocked.HOST_NETWORK: "Which option gave it the machine's network? It needs only one published port.",
    Blocked.OTHERS_NETWORK: "Which option gave it another container's network? With its own network, it needs only one published port.",
    Blocked.NO_NETWORK: "Which option took its network away?",
    Blocked.OTHER_ADDRESS: "The part before the first colon of a published port says which address of the machine it is on.",
    Blocked.UDP: "What comes after the second number of a published port?",
    Blocked.NOT_OPENED: "`docker network inspect` says which networks are internal.",
    Blocked.SWAPPED: "Compare the PORTS column of the two in `docker ps`.",
    Blocked.HELD: "Compare the PORTS column of the two in `docker ps`.",
    Blocked.OUTSIDE: "Who opens the port of a container, and with which option?",
    Blocked.OTHER_PORT: "In `docker ps`, column PORTS, which number is this machine's: the one before the arrow or after it?",
    Blocked.UNPUBLISHED: "Look at the PORTS column of `docker ps`: an arrow means that a port of this machine leads into the container.",
    Blocked.ONE_OFF: "`docker compose --help` has a command that starts the services of a file as they are described there.",
    Blocked.NOBODY_INSIDE: "Of the two numbers of a published port, which is the container's?",
    Blocked.LOOPBACK_INSIDE: "Its log says on which address it listens. Which setting decides that?",
    Blocked.STARTING: "`docker stats` shows how much of a core it gets. Check again when it has started.",
    Blocked.IDLE: "Is that the program that serves? In a command, what stands behind the image's name replaces the image's own program.",
    Blocked.SILENT: "Its log says what it does with your request.",
}
"""Where to look, for each reason, if the lab has no better hint."""


@dataclass(frozen=True)
class Door:
    """A port of the learner's machine that the task wants to lead to a container.

    Args:
        port: the machine's port.
        inside: the container's port, if the service has a fixed one.
        path: the path to request.
        others: the task's other containers by name, with the port that each must have.
        hints: where to look, by reason; the lesson's own hints instead of the general ones.
        start_seconds: how many seconds to wait at most for a service that is starting.
    """

    port: int
    inside: int | None = None
    path: str = "/"
    others: Mapping[str, int] = field(default_factory=dict)
    hints: Mapping[Blocked, str] = field(default_factory=dict)
    start_seconds: float = 60.0

    @property
    def url(self) -> str:
        """The address for a person on this machine."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def asked(self) -> str:
        """The address as the learner knows it; it names the machine, because in the toolbox localhost is the toolbox."""
        return f"http://localhost:{self.port}{self.path} on this machine"

    def hint(self, reason: Blocked) -> str:
        """Return where to look for this reason."""
        return self.hints.get(reason) or HINTS[reason]
