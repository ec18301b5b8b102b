"""What a probe found: fine, a note, a problem, or unknown; and what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.doctor.machine import Machine


class Mark(enum.StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    NOTE = "note"
    """Labs run, though something is slower, scarcer or left over."""
    PROBLEM = "problem"
    """A lab cannot run, or does not run correctly."""
    UNKNOWN = "unknown"
    """It could not be looked at, for a reason that another finding names."""


class Seen(msgspec.Struct, frozen=True):
    """What a probe saw, before it gets its name."""

    mark: Mark
    found: str
    remedy: str = ""
    labs: str = ""
    """The numbers of the labs that a problem stops, when it stops no others; such as `02, 09`."""
    amounts: dict[str, float] = {}
    """What was measured, for programs that read `--json`: `memory`, `memory_free`, `disk_free` in bytes, `processors`."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `lab doctor`."""

    id: str
    group: str
    title: str
    mark: Mark
    found: str
    remedy: str = ""
    labs: str = ""
    """The numbers of the labs that a problem stops, when it stops no others."""
    amounts: dict[str, float] = {}
    """What was measured: `memory`, `memory_free`, `disk_free` in bytes, `processors`."""


@dataclass(frozen=True)
class Probe:
    """One look at the machine, which may answer several questions.

    Args:
        group: the heading it is shown under.
        parts: id and title of each question, in the order of the answers.
        look: looks, and returns an answer to each.
        needs_engine: whether it asks the engine.
        needs_image: whether it runs a container of one of the course's images.
    """

    group: str
    parts: tuple[tuple[str, str], ...]
    look: Callable[[Machine], tuple[Seen, ...]]
    needs_engine: bool = True
    needs_image: bool = False

    def findings(self, seen: tuple[Seen, ...]) -> list[Finding]:
        """Return what was seen under the names of the questions."""
        return [
            Finding(
                id=name,
                group=self.group,
                title=title,
                mark=each.mark,
                found=each.found,
                remedy=each.remedy,
                labs=each.labs,
                amounts=each.amounts,
            )
            for (name, title), each in zip(self.parts, seen, strict=True)
        ]


def having(seen: Seen, **amounts: float | None) -> Seen:
    """Return what a probe saw, with what it measured, in bytes or as a count; what is not known is left out."""
    return msgspec.structs.replace(
        seen, amounts={name: float(value) for name, value in amounts.items() if value is not None}
    )


def fine(found: str) -> Seen:
    """Return that nothing has to be done."""
    return Seen(Mark.FINE, found)


def note(found: str, remedy: str = "") -> Seen:
    """Return what a person may want to know or improve."""
    return Seen(Mark.NOTE, found, remedy)


def problem(found: str, remedy: str, labs: str = "") -> Seen:
    """Return what stops a lab, and what to do; and which labs, if it stops no others."""
    return Seen(Mark.PROBLEM, found, remedy, labs)


def unknown(found: str) -> Seen:
    """Return why nothing is known."""
    return Seen(Mark.UNKNOWN, found)
