"""The ways that a learner chooses from in a lab that has several: which there are, and which were chosen last."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from checker.errors import LabError, MisuseError, not_written

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.model import LabToml
    from checker.course.places import Places

_NUMBERS = ("no", "one", "two", "three", "four", "five")


def require_ways(file: Path, toml: LabToml) -> None:
    """Refuse a lab.toml whose usual ways are not ways of its own.

    Raises:
        LabError: names the field and what is allowed.
    """
    strange = [name for name in toml.usual if name not in toml.ways]
    if strange or (toml.ways and not toml.usual):
        raise LabError(
            f"{file}: field `usual`: {f'there is no way `{strange[0]}`' if strange else 'no way is usual'}",
            remedy=f"Ways: {', '.join(toml.ways) or 'none'}.",
        )


def choose(lab: Lab, names: Collection[str]) -> tuple[str, ...]:
    """Return the ways that a learner means, each once.

    Raises:
        MisuseError: the lab has no such way, or takes another number of them.
    """
    ways, number = lab.toml.ways, int(lab.number)
    if not ways:
        raise MisuseError(
            f"Lab {lab.number} has one way alone, so there is nothing to choose.",
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
        listed = ", ".join(wanted) or "none"
        # What was meant comes first in the example, and is filled up with what is usual.
        example = list(dict.fromkeys([*wanted, *lab.toml.usual]))[:count]
        raise MisuseError(
            f"Lab {lab.number} takes {_word(count)} ways at a time, and {_word(len(wanted))} "
            f"{'is' if len(wanted) == 1 else 'are'} named: {listed}.",
            remedy=f"For instance: lab start {number} --with {','.join(example)}",
        )
    return tuple(wanted)


def _word(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def told(lab: Lab) -> list[str]:
    """Return which ways stand and how others are chosen, for a lab that has several."""
    if not lab.chosen:
        return []
    ways = lab.toml.ways
    others = [name for name in ways if name not in lab.chosen]
    standing = " and ".join(ways[name].title for name in lab.chosen)
    example = ",".join([*lab.chosen[1:], *others][: len(lab.chosen)])
    return [
        f"Started: {standing}.",
        f"Also to be had: {', '.join(others)}. To choose: lab start {int(lab.number)} --with {example}",
    ]


def _file(places: Places, slug: str) -> Path:
    return places.state / "ways" / slug


def kept(places: Places, slug: str) -> tuple[str, ...]:
    """Return the names of the ways that were chosen last; none when nothing was ever chosen."""
    try:
        return tuple(_file(places, slug).read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        return ()


def keep(places: Places, lab: Lab) -> None:
    """Keep a lab's ways as the last choice, for every command that comes after.

    Raises:
        LabError: it cannot be written.
    """
    if not lab.chosen:
        return
    file = _file(places, lab.slug)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(" ".join(lab.chosen) + "\n", encoding="utf-8")
    except OSError as error:
        raise not_written(file, error) from error
