"""T7: a hostile lesson is not built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.site import build
from checker.site.harmless import harm
from tests.conftest import ROOT

if TYPE_CHECKING:
    from checker.course.places import Places


@pytest.mark.parametrize(
    "line",
    [
        "<script>fetch('/api/v1/labs/01/start')</script>",
        "<SCRIPT src=//evil.example/x.js></SCRIPT>",
        '<img src=x onerror="run()">',
        '![x](x.png){ onerror="run()" }',
        "<form action=/api/v1/labs/01/start method=post>",
        '<div data-dock-run="b1">Run</div>',
        '<div id="dock-announcer">',
        "[press](javascript:run())",
        '<div style="position: fixed; inset: 0">',
        "<iframe src='http://127.0.0.1:8000/'></iframe>",
        '<meta http-equiv="refresh" content="0; url=http://evil.example/">',
    ],
)
def test_t7_a_page_with_more_than_text_is_refused_where_it_says_so(course: Places, line: str) -> None:
    (course.docs / "lesson.md").write_text(f"# A lesson\n\n{line}\n")
    with pytest.raises(LabError, match=r"docs/lesson\.md:3 brings "):
        build.build(course)
    assert not (course.root / "builds").exists()


def test_what_a_page_only_shows_as_code_is_text() -> None:
    page = "Type `<script>`:\n\n```html\n<script>x</script>\n```\n\n    It is done.\n"
    assert list(harm(page)) == []


def test_no_page_of_the_course_brings_more_than_text() -> None:
    pages = sorted((ROOT / "docs").rglob("*.md"))
    assert len(pages) > 40
    assert [(page.name, *each) for page in pages for each in harm(page.read_text("utf-8"))] == []
