"""A table that pandas wrote as HTML, as Markdown that every builder of the pages knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class _Row:
    head: bool
    cells: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Reads the rows of the first table; a cell that spans rows is repeated as empty ones."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[_Row] = []
        self._head = False
        self._text: str | None = None
        self._spans: dict[int, int] = {}
        self._span = 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a part of the head, a row or a cell."""
        if tag in {"thead", "tbody"}:
            self._head = tag == "thead"
        elif tag == "tr":
            self.rows.append(_Row(self._head))
        elif tag in {"td", "th"}:
            self._text = ""
            self._span = int(dict(attrs).get("rowspan") or 1)

    def handle_data(self, data: str) -> None:
        """Add to the cell."""
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        """End a cell or a row."""
        if tag in {"td", "th"} and self._text is not None:
            self._fill()
            if self._span > 1:
                self._spans[len(self.rows[-1].cells)] = self._span - 1
            self.rows[-1].cells.append(" ".join(self._text.split()))
            self._text = None
        elif tag == "tr":
            self._fill()

    def _fill(self) -> None:
        """Add the cells of rows above that reach into this one."""
        cells = self.rows[-1].cells
        while self._spans.get(len(cells)):
            self._spans[len(cells)] -= 1
            cells.append("")


def markdown_table(html: str) -> str:
    """Return a table as Markdown.

    Args:
        html: a table as `DataFrame.to_html` writes it; its head may have a second row, with the names of the index.
    """
    reader = _Reader()
    reader.feed(html)
    width = max(len(row.cells) for row in reader.rows)
    heads = [row.cells + [""] * (width - len(row.cells)) for row in reader.rows if row.head]
    names = [next((text for text in column if text), "") for column in zip(*heads, strict=True)]
    body = [row.cells for row in reader.rows if not row.head]
    numbers = [
        all(_is_number(row[place]) for row in body if len(row) > place and row[place])
        for place in range(width)
    ]
    lines = [_line(names), _line(["---:" if number else "---" for number in numbers])]
    return "\n".join([*lines, *(_line(row) for row in body)])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return text in {"…", "..."}
    return True
