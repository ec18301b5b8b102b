"""Plain English: texts that people read use none of the forms in forms.toml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.prose.prose import Form, findings, forms, passages

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]

READ = (
    "*.md",
    "*.py",
    "lab",
    "benchmarks/**/*.py",
    "checker/**/*.py",
    "checker/**/*.md",
    "checker/**/*.toml",
    "docs/**/*.md",
    "images/**/*.md",
    "images/**/*.py",
    "images/**/*.toml",
    "labs/**/*.md",
    "labs/**/*.py",
    "labs/**/*.toml",
    "requirements/*.md",
    "tests/*.md",
)
"""The files that are read: pages, and every docstring, message, hint and help text.

Tests are read by contributors alone, and quote what the rest says, so their Python is left out.
"""

FORMS = forms()
IDS = [form.said for form in FORMS]


def spoken(form: Form) -> str:
    """Return the form as it stands in a sentence."""
    return form.said.replace("NUMBER", "15")


def files() -> Iterator[str]:
    """Yield the files that are read, from the root."""
    for pattern in READ:
        for path in ROOT.glob(pattern):
            name = path.relative_to(ROOT)
            if path.is_file() and not any(part.startswith((".", "__")) for part in name.parent.parts):
                yield name.as_posix()


def test_pages_and_messages_are_in_plain_english() -> None:
    read = sorted(set(files()))
    assert len(read) > 200, "the files were not found"
    found = [str(each) for name in read for each in findings(name, (ROOT / name).read_text("utf-8"), FORMS)]
    assert not found, "\n".join(["write these more plainly:", *found])


def test_no_form_stands_in_the_list_twice_and_each_has_a_better_one() -> None:
    assert len({form.said.casefold() for form in FORMS}) == len(FORMS)
    assert all(form.better.strip() for form in FORMS)


@pytest.mark.parametrize("form", FORMS, ids=IDS)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "# A page\n\nThe lab{0} the node.\n"),
        ("page.md", "| A | B |\n|---|---|\n| `code` | one{0} |\n"),
        ("module.py", 'X = 1\n\nprint("One{0} two")\n'),
        ("module.py", '"""A module.\n\nOne{0} two."""\n'),
        ("module.py", 'X = 1\nX = (\n    f"{{X}} one"\n    f"{0} two {{X}}"\n)\n'),
        ("lab.toml", 'title = "T"\nhints.a = ["One{0} two", "b", "c"]\n'),
    ],
    ids=["page", "table", "string", "docstring", "f-string", "toml"],
)
def test_a_form_is_found_and_named_with_its_line_and_a_better_one(name: str, text: str, form: Form) -> None:
    said = spoken(form)
    text = (
        text.replace("{0}", said if said.startswith(",") else f" {said}")
        .replace("{{", "{")
        .replace("}}", "}")
    )
    line = next(number for number, each in enumerate(text.splitlines(), 1) if said in each)
    mine = [each for each in findings(name, text, FORMS) if each.better == form.better and each.seen == said]
    assert [(each.file, each.line) for each in mine] == [(name, line)]
    assert str(mine[0]) == f'{name}:{line}: "{said}". Better: {form.better}'


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_a_form_is_found_across_a_line_end_and_in_capitals(form: Form) -> None:
    broken = f"One two{spoken(form)} three." if form.said.startswith(",") else f"One {spoken(form)} three."
    broken = broken.replace(" ", "\n").upper()
    assert form.better in [each.better for each in findings("page.md", broken, [form])]


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_a_form_is_not_found_in_a_longer_word(form: Form) -> None:
    said = spoken(form)
    longer = [f"{said}x", f"{said}-like", f"{said}_x"]
    if not said.startswith(","):
        longer += [f"x{said}", f"half-{said}", f"x_{said}"]
    for word in longer:
        assert findings("page.md", f"One {word} two.", [form]) == [], word


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "```sh\nlab start anew\n```\n"),
        ("page.md", '=== "Tab"\n\n    ````text\n    ```\n    anew\n    ````\n'),
        ("page.md", "~~~\nanew\n~~~\n"),
        ("page.md", "Type `lab anew` and ``a ` anew``.\n"),
        ("module.py", "anew = 1  # anew\n"),
        ("module.py", '"""Runs `anew`."""\n'),
        ("lab.toml", 'anew = 1\n# anew\nhint = "Run `anew`."\n'),
    ],
)
def test_code_and_comments_are_left_alone(name: str, text: str) -> None:
    assert findings(name, text, FORMS) == []


def test_text_after_a_block_of_code_is_read() -> None:
    text = "```sh\nls\n```\n\nStart anew.\n\n```{.text .output}\nx\n```\nAnd anew.\n"
    assert [each.line for each in findings("page.md", text, FORMS)] == [5, 10]


def test_the_words_of_an_f_string_are_read_together() -> None:
    assert [each.seen for each in findings("m.py", 'X = f"{1} was not " f"to be {2}"\n', FORMS)] == [
        "was not to be"
    ]
    assert [each.seen for each in findings("m.py", "X = f\"{len('anew')}\"\n", FORMS)] == ["anew"]


def test_what_is_put_into_an_f_string_does_not_join_the_words_around_it() -> None:
    assert findings("m.py", 'X = f"was not {1} to be"\n', FORMS) == []


def test_a_kind_of_file_that_nobody_has_described_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="strange"):
        list(passages("strange.css", "anew"))
