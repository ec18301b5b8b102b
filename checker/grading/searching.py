"""Looks for a secret where others may read it: in each of its forms, also over several lines."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from checker.grading.forms import forms

if TYPE_CHECKING:
    from collections.abc import Iterable

_PART = 30
"""The longest part of a text that is whole somewhere when each line has 60 signs, which are the fewest in which tools wrap."""

_LINE_ENDS = re.compile(r"\\[nrt]|\s")
"""A line's end, also as it is written in JSON."""


def needles(secret: str) -> list[str]:
    """Return how a secret may be written in a text of one line."""
    return [each.decode() for each in forms(secret) if b"\0" not in each]


def is_in(text: str, wanted: Iterable[str]) -> bool:
    """Whether one of these needles is in a text, or would be if its lines were joined."""
    joined = _LINE_ENDS.sub("", text)
    return any(each in text or each in joined for each in wanted)


def candidates(wanted: Iterable[str]) -> str:
    """Return arguments for `grep -F` that find each file with one of these needles, however it is wrapped, and some others.

    `only_whole` leaves out those.
    """
    return _arguments(part for each in wanted for part in _parts(each))


def only_whole(wanted: Iterable[str]) -> str:
    """Return a shell command that reads names of files, and prints those that have one of these needles, if their lines are joined.

    In the settings of an image or a container, a line's end is written as two signs, and around a line of a log is JSON.
    """
    arguments = _arguments(wanted)
    joined = (
        'sed -e \'s/^{"log":"//\' -e \'s/","stream":"[a-z]*","time":"[^"]*"}$//\' -e \'s/\\\\[nrt]//g\' "$file" '
        "| tr -d '[:space:]'"
    )
    return (
        f'while IFS= read -r file; do {{ grep -qaF {arguments} -- "$file" || {joined} | grep -qaF {arguments}; }} '
        "&& printf '%s\\n' \"$file\"; done"
    )


def _parts(needle: str) -> list[str]:
    """Return parts of a needle, of which one at least is in one line wherever a text with it is wrapped."""
    size = min(_PART, (len(needle) + 1) // 2)
    ends = {*range(size, len(needle) + 1, size), len(needle)}
    return [needle[end - size : end] for end in sorted(ends)]


def _arguments(texts: Iterable[str]) -> str:
    return " ".join(f"-e {shlex.quote(each)}" for each in texts)
