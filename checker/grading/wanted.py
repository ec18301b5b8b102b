"""A container that the task asks for, and where to look, for each reason why it does not run."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(enum.StrEnum):
    """Why a container that the task names does not run."""

    ABSENT = "absent"
    SPELLING = "spelling"
    """There is a container with almost this name."""
    OTHER_NAME = "other-name"
    UNNAMED = "unnamed"
    """There is a container of its image, with a name that the engine invented."""
    COMPOSED = "composed"
    """There is a container of its image, with a name that Compose made from the project and the service."""
    REMOVED = "removed"
    """Somebody removed it."""
    TIED = "tied"
    """It ended together with the command that had started it, and was removed."""
    VANISHED = "vanished"
    """It ended by itself, and was removed."""
    CREATED = "created"
    """It was never started."""
    REFUSED = "refused"
    """The engine could not start it."""
    MISPLACED = "misplaced"
    """The engine could not start it, because an option stands behind the image's name."""
    PAUSED = "paused"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    KILLED = "killed"
    OUT_OF_MEMORY = "out-of-memory"
    """The kernel killed its main process because memory ran out."""
    ENGINE_STOPPED = "engine-stopped"
    """It ended together with all others: the engine or the machine was stopped."""
    ENDED = "ended"


HINTS: Mapping[Reason, str] = {
    Reason.ABSENT: "`docker ps --all` shows every container, also those that have ended; the task says which ones it needs.",
    Reason.SPELLING: "Compare the NAMES column of `docker ps --all` with the task, letter by letter.",
    Reason.OTHER_NAME: "Compare the NAMES column of `docker ps --all` with the task.",
    Reason.UNNAMED: "Which option of `docker run` names a container?",
    Reason.COMPOSED: "Compare the NAMES column of `docker ps --all` with the task. Which key of a Compose service sets its container's name?",
    Reason.REMOVED: "`docker ps --all` shows which containers exist now. Run the one that you removed again.",
    Reason.TIED: "What does a container need so that it keeps running without the command that started it?",
    Reason.VANISHED: "Run it once without `--rm`: then its log stays, and says why it ended.",
    Reason.CREATED: "Creating a container and starting it are two steps: which command does both?",
    Reason.REFUSED: "What does the engine's message name?",
    Reason.MISPLACED: "`docker run --help` begins with the order of its words: options, image, command.",
    Reason.PAUSED: "`docker --help` lists the command that undoes a pause.",
    Reason.RESTARTING: "The last lines of its log say why its program ends.",
    Reason.STOPPED: "`docker ps --all` shows stopped containers; `docker --help` lists the command that starts them again.",
    Reason.KILLED: "`docker ps --all` shows which containers have ended; `docker --help` lists the command that starts them again.",
    Reason.OUT_OF_MEMORY: "`docker stats` shows how much memory a container uses, and its limit. Which option set the limit?",
    Reason.ENGINE_STOPPED: "`docker --help` lists the command that starts a stopped container again, as it was.",
    Reason.ENDED: "The last line of its log says why it ended.",
}
"""Where to look, for each reason, if the lab has no better hint."""


@dataclass(frozen=True)
class Wanted:
    """A container that the task asks for.

    Args:
        name: its name; with `service`, a Compose service of this name counts too.
        image: the image that it must run; a container of this image under another name is reported as such.
        purpose: what is missing while it does not run, as a clause that follows "so".
        service: whether a Compose service of this name counts too.
        known: names of other containers that the lesson or the task uses.
        hints: where to look, by reason; the lesson's own hints instead of the general ones.
    """

    name: str
    image: str = ""
    purpose: str = ""
    service: bool = False
    known: frozenset[str] = frozenset()
    hints: Mapping[Reason, str] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        """What a right answer shows, for `expected`."""
        return f"a container named {self.name} that is running"

    def hint(self, reason: Reason) -> str:
        """Return where to look for this reason."""
        return self.hints.get(reason) or HINTS[reason]

    @property
    def so(self) -> str:
        """The purpose as the end of a sentence; empty if there is none."""
        return f", so {self.purpose}" if self.purpose else ""
