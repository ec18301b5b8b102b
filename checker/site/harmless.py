"""Refuses pages that bring scripts or controls of their own: a lesson is text, and only the course's files are programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from checker.course.places import Places

_FENCE = re.compile(r"^\s*(```+|~~~+)")
_CODE = re.compile(r"(`+)(?:(?!\1).)*\1")
_HARM = {
    "a script": re.compile(r"<\s*(?:script|iframe|object|embed|link|meta|base|style|form|input|button)\b", re.IGNORECASE),
    "a script in an attribute": re.compile(r"""<[^>]*\son[a-z]+\s*=|[{\s]on[a-z]+=["']""", re.IGNORECASE),
    "a script in an address": re.compile(r"(?:javascript|vbscript|data:text/html)\s*:", re.IGNORECASE),
    "a name of the live page": re.compile(r"""(?:id|class)\s*=\s*["']?[^"'>]*dock-(?:rail|bar|terminal|announcer|run|button)\b|data-dock|#dock-""", re.IGNORECASE),
    "a style that can cover the page": re.compile(r"""style\s*=\s*["'][^"']*(?:position|z-index)""", re.IGNORECASE),
}  # fmt: skip


def harm(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page that bring more than text, each with what they bring; code that is shown does not count."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence) and line.strip() == found[1]:
                fence = ""
            continue
        if found:
            fence = found[1]
            continue
        shown = _CODE.sub("", line)
        for what, pattern in _HARM.items():
            if pattern.search(shown):
                yield number, what


def require_harmless(places: Places) -> None:
    """Refuse to build pages that bring more than text.

    Raises:
        LabError: a page does; the message names the first place.
    """
    for page in sorted(places.docs.rglob("*.md")):
        _require(page, places.root)


def _require(page: Path, root: Path) -> None:
    for number, what in harm(page.read_text("utf-8", "replace")):
        raise LabError(
            f"{page.relative_to(root)}:{number} brings {what} into the page.",
            remedy="Pages are text: remove it. Scripts and styles of the course are in docs/assets.",
        )
