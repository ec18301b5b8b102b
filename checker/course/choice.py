"""The ways in a lab that has several: which ones there are, and which the learner chose last."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from checker import whole
from checker.errors import LabError, MisuseError, not_written

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.model import LabToml
    from checker.course.places import Places

_NUMBERS = ("no", "one", "two", "three", "four", "five")


def require_ways(file: Path, toml: LabToml) -> None:
    """Reject a lab.toml whose `usual` ways it does not define.

    Raises:
        LabError: the message names the field and what is allowed.
    """
    strange = [name for name in toml.usual if name not in toml.ways]
    if strange or (toml.ways and not toml.usual):
        raise LabError(
            f"{file}: field `usual`: {f'there is no way `{strange[0]}`' if strange else 'it names no way'}",
            remedy=f"Ways: {', '.join(toml.ways) or 'none'}.",
        )


def choose(lab: Lab, names: Collection[str]) -> tuple[str, ...]:
    """Return the ways that a learner named, each once.

    Raises:
        MisuseError: the lab has no such way, or needs a different number of ways.
    """
    ways, number = lab.toml.ways, int(lab.number)
    if not ways:
        raise MisuseError(
            f"Lab {lab.number} has only one way, so there is nothing to choose.",
            remedy=f"Start it without --with: lab start {number}",
        )
    meant = {name: name for name in ways} | {way.title.casefold(): name for name, way in ways.items()}
    said = [name.strip() for name in names if name.strip()]
    wanted = list(dict.fromkeys(meant.get(name.casefold(), name) for name in said))
    for name in wanted:
        if name not in ways:
            near = difflib.get_close_matches(name.casefold(), meant, 1)
            hint = f"Did you mean `{meant[near[0]]}`? " if near else ""
            raise MisuseError(
                f"Lab {lab.number} has no way `{name}`.", remedy=f"{hint}Its ways: {', '.join(ways)}."
            )
    count = len(lab.toml.usual)
    if len(wanted) != count:
        named = f"{_word(len(wanted))}: {', '.join(wanted)}" if wanted else "none"
        # The example starts with the ways that were named; the usual ways fill it up.
        example = list(dict.fromkeys([*wanted, *lab.toml.usual]))[:count]
        raise MisuseError(
            f"Lab {lab.number} takes {_word(count)} ways at a time, and you named {named}.",
            remedy=f"For instance: lab start {number} --with {','.join(example)}",
        )
    return tuple(wanted)


def _word(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def notes(lab: Lab) -> list[str]:
    """Return which ways are started and how to choose others, for a lab that has several."""
    if not lab.chosen:
        return []
    ways = lab.toml.ways
    others = [name for name in ways if name not in lab.chosen]
    standing = " and ".join(ways[name].title for name in lab.chosen)
    example = ",".join([*lab.chosen[1:], *others][: len(lab.chosen)])
    return [
        f"Started: {standing}.",
        f"Also available: {', '.join(others)}. To switch: lab start {int(lab.number)} --with {example}",
    ]


def _file(places: Places, slug: str) -> Path:
    return places.state / "ways" / slug


def kept(places: Places, slug: str) -> tuple[str, ...]:
    """Return the names of the ways that were chosen last; empty if none were ever chosen."""
    try:
        return tuple(_file(places, slug).read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        return ()


def keep(places: Places, lab: Lab) -> None:
    """Remember a lab's ways as the last choice, for all later commands.

    Raises:
        LabError: it cannot be written.
    """
    if not lab.chosen:
        return
    file = _file(places, lab.slug)
    try:
        whole.write(file, " ".join(lab.chosen) + "\n")
    except OSError as error:
        raise not_written(file, error) from error
