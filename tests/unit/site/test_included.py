"""Files that pages include: a page that shows a file in parts shows each of its lines once, and no box is empty."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INCLUDED = re.compile(r'^\s*--8<-- "(?P<path>[^":]+)(?::(?P<first>\d+):(?P<last>\d+))?"$', re.MULTILINE)
SEPARATORS = {"", "---"}
"""Lines that a page may leave out: between paragraphs, and between documents."""


def pages() -> list[Path]:
    return sorted(
        page for page in (ROOT / "docs").rglob("*.md") if "8<--" in page.read_text(encoding="utf-8")
    )


def lines_of(path: str) -> list[str]:
    # Where mkdocs.yml has the pages' includes looked for.
    file = next(each for each in (ROOT / "docs" / path, ROOT / path) if each.is_file())
    return file.read_text(encoding="utf-8").splitlines()


def wrong_parts(lines: list[str], parts: list[tuple[int, int]]) -> list[str]:
    """Return what is wrong with the parts of a file that a page shows.

    Args:
        lines: the file.
        parts: first and last line of each part, counted from 1.
    """
    times = [0] * (len(lines) + 1)
    wrong = []
    for first, last in parts:
        if not 1 <= first <= last <= len(lines):
            wrong.append(f"lines {first} to {last} of {len(lines)}")
            continue
        if lines[first - 1].strip() in SEPARATORS or lines[last - 1].strip() in SEPARATORS:
            wrong.append(f"lines {first} to {last} begin or end with a line that separates")
        for number in range(first, last + 1):
            times[number] += 1
    for number, line in enumerate(lines, 1):
        if times[number] != 1 and line.strip() not in SEPARATORS:
            wrong.append(f"line {number} is shown {times[number]} times: {line.strip()}")
    return wrong


def test_some_pages_include_files() -> None:
    assert pages()
    texts = [page.read_text(encoding="utf-8") for page in pages()]
    assert any(each["first"] for text in texts for each in INCLUDED.finditer(text)), (
        "lesson 10 shows a file in parts"
    )


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_that_shows_a_file_in_parts_shows_every_line_once(page: Path) -> None:
    found = list(INCLUDED.finditer(page.read_text(encoding="utf-8")))
    assert len(found) == page.read_text(encoding="utf-8").count("--8<--")
    parts = defaultdict(list)
    for each in found:
        assert lines_of(each["path"])
        if each["first"]:
            parts[each["path"]].append((int(each["first"]), int(each["last"])))
    assert {path: wrong for path, of in parts.items() if (wrong := wrong_parts(lines_of(path), of))} == {}


FILE = ["# a", "b: 1", "---", "c: 2", "d: 3"]


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ([(1, 2), (4, 5)], ""),
        ([(1, 2), (4, 6)], "lines 4 to 6 of 5"),
        ([(1, 2), (9, 9)], "lines 9 to 9 of 5"),
        ([(1, 1), (4, 5)], "line 2 is shown 0 times: b: 1"),
        ([(1, 2), (2, 2), (4, 5)], "line 2 is shown 2 times: b: 1"),
        ([(1, 3), (4, 5)], "lines 1 to 3 begin or end with a line that separates"),
    ],
)
def test_parts_that_a_change_of_the_file_has_moved_are_found(parts: list[tuple[int, int]], what: str) -> None:
    wrong = wrong_parts(FILE, parts)
    assert (what in wrong) if what else not wrong
