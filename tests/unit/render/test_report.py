"""A report on a terminal: calm, complete, harmless, at any width, with and without colour."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from checker.errors import MisuseError
from checker.render.junit import write_junit
from checker.render.report import one_line, report_lines, table
from checker.render.style import Style, printable, style_of
from checker.results import CheckResult, Failure, Kind, Report, Status

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Style(colour=False, width=100, unicode=True, terminal=False)
NARROW = Style(colour=False, width=40, unicode=True, terminal=True)
ASCII = Style(colour=False, width=100, unicode=False, terminal=False)
COLOUR = Style(colour=True, width=100, unicode=True, terminal=True)

NASTY = "\x1b[2J\x1b]0;owned\x07 red:\x1b[31mred\x1b[0m \u202etext\u202c \x00\x08 \x9b2J tail\r\nnext"

FAILURE = Failure(
    rationale="Nothing answers on port 8081, so nobody outside the container can use it at all.",
    hint="Look at the PORTS column of `docker ps --all --filter name=parcel` and compare.",
    expected="HTTP 200 from http://127.0.0.1:8081/",
    seen=NASTY,
    source="curl http://127.0.0.1:8081/",
    evidence="\n".join(f"line {number} of the log that the container wrote" for number in range(9)) + NASTY,
)


def check(id_: str, status: Status, title: str = "The first copy answers on port 8081") -> CheckResult:
    failed = status in {Status.FAILED, Status.VIOLATED}
    return CheckResult(
        id=id_,
        title=title,
        status=status,
        kind=Kind.GUARD if status is Status.VIOLATED else Kind.GOAL,
        failure=FAILURE if failed else None,
        reason="waits for “The first copy”" if status is Status.NOT_RUN else "no prober runs\x1b[2J",
        ms=12.0,
    )


def report(*checks: CheckResult) -> Report:
    return Report(lab="97-fake", title="A fake", checks=checks, started="2026-01-01T00:00:00+00:00", ms=123.0)


ALL = report(
    check("v", Status.VIOLATED, "The prober is as it was"),
    check("p", Status.PASSED),
    check("f", Status.FAILED, "A second one answers, told apart by its environment alone"),
    check("c", Status.COULD_NOT_RUN, "The third"),
    check("n", Status.NOT_RUN, "The fourth"),
)


def text(shown: Report, style: Style, *, everything: bool = False) -> str:
    return "\n".join(report_lines(shown, style, everything=everything))


def test_each_outcome_has_its_mark_in_the_order_of_the_task() -> None:
    rows = report_lines(ALL, PLAIN)[2:7]
    assert [row.split()[0] for row in rows] == ["✘", "✔", "✘", "?", "–"]
    assert "untouched: The prober is as it was" in rows[0]


def test_the_first_problem_alone_is_explained_and_the_others_are_counted() -> None:
    shown = text(ALL, PLAIN)
    assert shown.count("Nothing answers on port 8081") == 1
    assert "This must not be changed: The prober is as it was" in shown
    assert "1 of 4 checks pass. `lab check 97 --all` explains the other 2." in shown
    for said in ("expected", "seen", "shown by", "evidence", "hint"):
        assert f"  {said}" in shown


def test_everything_explains_every_problem() -> None:
    shown = text(ALL, PLAIN, everything=True)
    assert shown.count("Nothing answers on port 8081") == 2
    assert "Could not run: The third" in shown
    assert "does not count as an attempt" in shown
    assert "waits for “The first copy”" in shown


def test_a_pass_is_told_in_one_line_and_guards_that_hold_are_no_news() -> None:
    guard = CheckResult(id="g", title="Guarded", status=Status.PASSED, kind=Kind.GUARD)
    shown = text(report(guard, check("p", Status.PASSED)), PLAIN)
    assert "The check passes." in shown
    assert "Guarded" not in shown
    assert "Guarded" in text(report(guard, check("p", Status.PASSED)), PLAIN, everything=True)


@pytest.mark.parametrize("style", [PLAIN, NARROW, ASCII, COLOUR])
@pytest.mark.parametrize("everything", [True, False])
def test_what_a_learner_made_a_program_print_does_nothing_to_the_terminal(
    style: Style, everything: bool
) -> None:
    shown = text(ALL, style, everything=everything)
    ours = re.sub(r"\x1b\[(0|1|2|3[1-6])(;\d+)?m", "", shown) if style.colour else shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ours)


def test_at_forty_columns_no_line_is_longer_but_for_words_that_cannot_be_broken() -> None:
    for line in report_lines(ALL, NARROW, everything=True):
        if len(line) > 40:
            assert max(map(len, line.split())) > 26 or "│" in line, line


def test_without_unicode_the_course_writes_plain_characters() -> None:
    shown = text(report(check("p", Status.PASSED), check("f", Status.FAILED, "A second one")), ASCII)
    assert "  ok The first copy" in shown
    assert "  x A second one" in shown
    for symbol in "✔✘–│·→…":
        assert symbol not in shown


def test_colour_is_wanted_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert style_of(Terminal()).colour
    assert not style_of(io.StringIO()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not style_of(Terminal()).colour
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not style_of(Terminal()).colour
    monkeypatch.delenv("NO_COLOR")
    assert style_of(io.StringIO()).colour
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not style_of(Terminal()).colour


@pytest.mark.parametrize(("columns", "width"), [("40", 40), ("5", 20), ("500", 100)])
def test_the_width_is_the_terminals_within_reason(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert style_of(io.StringIO()).width == width


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_stream_that_cannot_hold_a_character_shows_another_and_goes_on(encoding: str) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    style = style_of(stream)
    print("\n".join(report_lines(ALL, style, everything=True)), "Zoë 日本", file=stream)
    stream.flush()
    assert b"A second one answers" in buffer.getvalue()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\r\nb", "a\nb"),
        ("a\x1b]8;;http://x\x07b", "a�]8;;http://x�b"),
        ("bell\x07", "bell�"),
        ("Zoë 日本 ✔", "Zoë 日本 ✔"),
        ("\udcff", "�"),
    ],
)
def test_text_that_is_not_ours_is_made_harmless(before: str, after: str) -> None:
    assert printable(before) == after


def test_one_line_says_how_many_and_what_first() -> None:
    assert one_line(ALL) == "Lab 97: 1 of 4 checks pass. First: The prober is as it was."
    assert one_line(report(check("p", Status.PASSED))) == "Lab 97: the check passes."
    both = report(check("p", Status.PASSED), check("q", Status.PASSED))
    assert one_line(both) == "Lab 97: all 2 checks pass."
    assert "All 2 checks pass." in text(both, PLAIN)
    assert "The check does not pass." in text(report(check("f", Status.FAILED)), PLAIN)


def test_a_table_is_cut_at_the_edge_of_a_terminal_and_whole_elsewhere() -> None:
    rows = [("a", "bb", "c" * 60), ("aaa", "b", "short")]
    assert table(rows, PLAIN)[0] == "a    bb  " + "c" * 60
    assert [len(line) for line in table(rows, NARROW)] == [40, 14]
    assert table(rows, NARROW)[0].endswith("…")
    assert table([], PLAIN) == []


def test_junit_is_xml_that_counts_right(tmp_path: Path) -> None:
    file = tmp_path / "new" / "report.xml"
    write_junit(ALL, file)
    suite = ET.parse(file).getroot()  # noqa: S314 - our own file
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    cases = suite.findall("testcase")
    assert [case[0].tag if len(case) else "" for case in cases] == [
        "failure",
        "",
        "failure",
        "error",
        "skipped",
    ]
    message = cases[0][0].get("message") or ""
    assert FAILURE.rationale in message
    assert FAILURE.hint in message


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\ufffe", "\uffff", "\ud800", "<&\"'>", "]]>", "\x0b"])
def test_junit_is_xml_whatever_a_learners_program_says(tmp_path: Path, char: str) -> None:
    failure = Failure(rationale=f"r{char}", hint="h", seen=char, evidence=char)
    write_junit(
        report(CheckResult(id="a", title=f"t{char}", status=Status.FAILED, failure=failure)),
        tmp_path / "x.xml",
    )
    assert len(ET.parse(tmp_path / "x.xml").getroot()) == 1  # noqa: S314 - our own file


def test_a_junit_file_that_cannot_be_written_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="cannot be written"):
        write_junit(ALL, tmp_path)


def test_what_is_not_proven_is_always_said(tmp_path: Path) -> None:
    unproven = check("u", Status.NOT_JUDGED, "A node is lost")
    found = report(check("p", Status.PASSED), unproven)
    for style in (PLAIN, NARROW, ASCII):
        said = " ".join(" ".join(report_lines(found, style)).split())
        assert "Not judged: no prober runs" in said
        assert "1 of 2 checks pass. 1 cannot be judged here; all others pass." in said
        assert "All" not in said
    assert one_line(found) == "Lab 97: 1 of 2 checks pass; the others were not judged."
    write_junit(found, tmp_path / "r.xml")
    (suite,) = ET.parse(tmp_path / "r.xml").iter("testsuite")  # noqa: S314 - our own file
    assert (suite.get("skipped"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
