"""Small pieces of Markdown for the generated pages."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def front(title: str, description: str) -> str:
    """Return the beginning of a page: its front matter and its heading."""
    return f'---\ntitle: "{title}"\ndescription: "{description}"\n---\n\n# {title}\n'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, with the text of its cells escaped."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def first_line(item: object) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return (inspect.getdoc(item) or "").partition("\n\n")[0].replace("\n", " ")


def sentence(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]
