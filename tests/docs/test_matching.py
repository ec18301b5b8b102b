"""Reading a page's blocks, and comparing what was printed with what it promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.lesson import matches, read, renewed, unknown_classes

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """
# Title

```sh
echo one
```

```{.text .output}
one
```

```text
not an output
```

??? question "Predict"

    ```{.sh .fails .guess}
    false \\
      && true
    ```

    ```{.text .output}
    …
    ```

<!-- test: solution -->

```{.sh .gaps}
docker run ____
```

```{.sh .host}
lab stop 1
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Give a page with a block of each kind."""
    file = tmp_path / "01-page.md"
    file.write_text(PAGE)
    return file


def test_blocks_come_in_order_with_their_marks_and_outputs(page: Path) -> None:
    blocks = read(page)
    assert [block.text for block in blocks] == [
        "echo one",
        "false \\\n  && true",
        "",
        "docker run ____",
        "lab stop 1",
    ]
    assert [sorted(block.classes) for block in blocks] == [
        ["sh"],
        ["fails", "guess", "sh"],
        [],
        ["gaps", "sh"],
        ["host", "sh"],
    ]
    assert [block.output.lines if block.output else None for block in blocks[:2]] == [("one",), ("…",)]
    assert [block.runs for block in blocks] == [True, True, True, False, True]
    assert blocks[2].solution
    assert PAGE.splitlines()[blocks[0].line - 1] == "```sh"


@pytest.mark.parametrize("text", ["```sh\nnever closed\n", "```{.text .output}\nof nothing\n```\n"])
def test_a_page_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "01-page.md"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"01-page\.md:1"):
        read(file)


def test_a_misspelt_mark_is_found(tmp_path: Path, page: Path) -> None:
    assert unknown_classes(page) == []
    page.write_text("```{.sh .fials}\nx\n```\n```{.text .ouput}\ny\n```\n")
    assert unknown_classes(page) == ["01-page.md:1: .fials", "01-page.md:4: .ouput"]


@pytest.mark.parametrize(
    ("promised", "printed", "fits"),
    [
        ("a\nb", "a\nb", True),
        ("a\nb", "a  \nb\n\n", True),
        ("a\nb", "a", False),
        ("a", "a\nb", False),
        ("id …", "id 12345", True),
        ("id … end", "id 12345 end", True),
        ("id … end", "id 12345", False),
        ("…", "", True),
        ("…", "a\nb\nc", True),
        ("a\n…\nz", "a\nz", True),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("a\n…\nz", "a\nb\nc", False),
        ("a.c", "abc", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_an_ellipsis_stands_for_anything(promised: str, printed: str, fits: bool) -> None:
    assert matches(promised.splitlines(), printed.splitlines()) is fits


@pytest.mark.parametrize(
    ("promised", "printed", "after"),
    [
        ("id …", "id 5", "id …"),
        ("id …\nold", "id 5\nnew", "id …\nnew"),
        ("old", "new\nlines", "new\nlines"),
        ("Up … ago\nIP …", "one\nUp 3 s ago\ntwo\nIP 7", "one\nUp … ago\ntwo\nIP …"),
        ("a\n…", "b\nc", "b\nc"),
    ],
)
def test_writing_an_output_anew_keeps_what_still_fits(promised: str, printed: str, after: str) -> None:
    assert renewed(promised.splitlines(), printed.splitlines()) == after.splitlines()
