"""A learner's own values: which names, ports and faults of a lab are theirs, by the seed that a class gave them.

Without a seed, everybody has the values of the lesson.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from checker import whole
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from checker.course.model import LabToml, Value

FILE = "values.seed"
"""The file in the state folder that keeps the seed; there is none outside of a class that gives values."""

MOST_SEED = 60
"""How long a seed may be, in characters."""

_WORD = re.compile(r"[A-Za-z0-9]+([.-][A-Za-z0-9]+)*")
_NAME = re.compile(r"[a-z]+(_[a-z]+)*")


def seed_of(key: str, number: int) -> str:
    """Return the seed of one learner of a class.

    Args:
        key: random text of the class.
        number: the learner's number in the class, from 0. The first learners, as many as a lab has combinations, all
            have different ones.
    """
    return f"{key}-{number}"


def drawn(slug: str, values: Mapping[str, Value], seed: str) -> dict[str, str]:
    """Return a learner's value for each of a lab's values, by name; without a seed, those of the lesson.

    The same seed always gives the same values, on every machine and with every version of Python.

    Args:
        slug: the lab, so that a learner's places in the lists differ from lab to lab.
        values: what lab.toml says of them.
        seed: `KEY-NUMBER`, or any text.
    """
    if not seed:
        return {name: value.lesson for name, value in values.items()}
    key, rest = _read(seed)
    found: dict[str, str] = {}
    shift = 0
    for name, value in values.items():
        order = sorted(value.choices, key=lambda choice: _digest(key, slug, name, choice))
        place = (rest + shift) % len(order)
        # The digits of a number, so that every combination comes once; shifted by the first, so that neighbours
        # differ in each value and not only in one.
        shift, rest = (shift if found else place), rest // len(order)
        found[name] = order[place]
    return found


def _read(seed: str) -> tuple[str, int]:
    key, _, number = seed.rpartition("-")
    if key and number.isascii() and number.isdecimal():
        return key, int(number)
    return seed, int.from_bytes(_digest(seed)[:4], "big")


def _digest(*words: str) -> bytes:
    return hashlib.sha256("\0".join(words).encode()).digest()


def put_in(text: str, own: Mapping[str, str]) -> str:
    """Return a text of the course with a learner's values in place of the lesson's.

    Args:
        text: a script, a file or a message.
        own: the learner's value, by the lesson's.
    """
    if not own:
        return text
    words = "|".join(re.escape(word) for word in own)
    return re.sub(rf"(?<![A-Za-z0-9])({words})(?![A-Za-z0-9])", lambda found: own[found[1]], text)


def require_values(file: Path, toml: LabToml) -> None:
    """Reject a lab.toml whose values could be taken for one another, or could not be replaced in a text.

    Raises:
        LabError: the message names the value and what is allowed.
    """
    seen: dict[str, str] = {}
    for name, value in toml.values.items():
        if not _NAME.fullmatch(name):
            raise LabError(
                f"{file}: field `values`: `{name}` is no name.",
                remedy="A name has small letters, with _ between words.",
            )
        for word in (value.lesson, *value.choices):
            if not _WORD.fullmatch(word):
                raise LabError(
                    f"{file}: field `values.{name}`: `{word}` cannot be replaced in a text.",
                    remedy="A value has letters and digits, with `.` or `-` between them.",
                )
            if word in seen:
                raise LabError(
                    f"{file}: field `values.{name}`: `{word}` is a value of `{seen[word]}` too.",
                    remedy="Every value is there once, so that one that is found says whose it is. The lesson's is no choice.",
                )
            seen[word] = name


def noted(state: Path) -> str:
    """Return the seed that the class gave to this machine, empty if there is none."""
    try:
        return (state / FILE).read_text(encoding="utf-8").strip()[:MOST_SEED]
    except (OSError, UnicodeDecodeError):
        return ""


def note(state: Path, seed: str) -> None:
    """Keep the seed that a class gives to this machine; an empty one means that the lesson's values count.

    Raises:
        LabError: it cannot be written.
    """
    try:
        if seed:
            whole.write(state / FILE, f"{seed}\n")
        else:
            (state / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise not_written(state / FILE, error) from error
