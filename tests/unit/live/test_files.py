"""What the service puts into a page: the modules that it will load are named in its head."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from checker.live import files
from tests.conftest import ROOT
from tests.unit.web.asking import get

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = ROOT / "docs/assets/live"


def reached(*names: str) -> set[str]:
    """Return these modules, and what they import without waiting for a click."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        if (name := todo.pop()) not in found:
            found.add(name)
            text = (SCRIPTS / f"{name}.js").read_text("utf-8")
            todo += re.findall(r'^import .* from "\./(\w+)\.js";$', text, re.MULTILINE)
    return found


def test_the_modules_that_are_named_are_those_that_are_loaded() -> None:
    assert set(files.MODULES) == reached("main")
    assert {*files.MODULES, *files.OF_A_LESSON} == reached("main", "lesson")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", files.MODULES),
        ("lessons/", files.MODULES),
        ("lessons/01-first-container/", (*files.MODULES, *files.OF_A_LESSON)),
        ("notebooks/01-first-container/", files.MODULES),
    ],
)
def test_a_page_names_its_modules_before_they_are_found(
    tmp_path: Path, path: str, names: tuple[str, ...]
) -> None:
    page = tmp_path / path / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<html><head><title>x</title></head><body></head></body></html>")
    sent = get(files.pages(tmp_path), f"/{path}").text
    assert re.findall(r'<link rel="modulepreload" href="/assets/live/(\w+)\.js">', sent) == list(names)
    assert sent.index("modulepreload") < sent.index("</head>")
