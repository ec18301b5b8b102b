"""A report in a cell: every status by word, sign and colour, and nothing of what containers say taken for HTML."""

from __future__ import annotations

import re

import pytest

from checker.render.report_html import report_html
from checker.results import CheckResult, Failure, Kind, Report, Status

WORDS = {
    Status.PASSED: ("✔", "passed"),
    Status.FAILED: ("✘", "failed"),
    Status.VIOLATED: ("✘", "was changed"),
    Status.COULD_NOT_RUN: ("?", "could not run"),
    Status.NOT_RUN: ("–", "not run"),
    Status.NOT_JUDGED: ("○", "not judged here"),
}
HOSTILE = '<script>alert("&")</script>\x1b[31m'


def report(*checks: CheckResult) -> Report:
    return Report(
        lab="97-fake", title="A <fake> lab", checks=checks, started="2026-11-28T10:00:00+00:00", ms=1234.0
    )


@pytest.mark.parametrize("status", list(Status))
def test_a_status_has_a_sign_and_a_word_beside_its_colour(status: Status) -> None:
    html = report_html(report(CheckResult(id="c", title="It holds", status=status)))
    sign, word = WORDS[status]
    assert re.search(rf'color:[^"]+"><span aria-hidden="true">{re.escape(sign)}</span> {word}</td>', html)
    assert '<th scope="row"' in html
    assert "It holds" in html


def test_the_caption_counts_what_passes() -> None:
    html = report_html(
        report(
            CheckResult(id="a", title="One", status=Status.PASSED),
            CheckResult(
                id="b", title="Two", status=Status.FAILED, failure=Failure(rationale="why", hint="where")
            ),
            CheckResult(id="g", title="A guard that holds", status=Status.PASSED, kind=Kind.GUARD),
        )
    )
    assert "Lab 97 · A &lt;fake&gt; lab: 1 of 2 checks pass" in html
    assert "(1.23 s)" in html
    assert "A guard that holds" not in html


def test_what_a_container_says_is_text_and_never_html() -> None:
    failure = Failure(
        rationale=HOSTILE, hint=HOSTILE, expected=HOSTILE, seen=HOSTILE, source=HOSTILE, evidence=HOSTILE
    )
    html = report_html(
        report(
            CheckResult(id="a", title=HOSTILE, status=Status.FAILED, failure=failure),
            CheckResult(id="b", title="Two", status=Status.COULD_NOT_RUN, reason=HOSTILE),
        )
    )
    assert "<script" not in html
    assert "\x1b" not in html
    assert html.count("&lt;script&gt;") == 9


def test_the_first_problem_is_told_below_with_all_that_is_known_of_it() -> None:
    failure = Failure(
        rationale="It is wrong.", hint="Look.", expected="one", seen="two", source="cat it", evidence="line"
    )
    html = report_html(report(CheckResult(id="a", title="One", status=Status.FAILED, failure=failure)))
    below = html.partition("</table>")[2]
    for told in ("It is wrong.", "Look.", "one", "two", "cat it", "<pre>line</pre>"):
        assert told in below
    assert below.index("expected") < below.index("seen") < below.index("hint")


def test_nothing_is_told_below_when_all_is_well() -> None:
    assert report_html(report(CheckResult(id="a", title="One", status=Status.PASSED))).endswith("</table>")
