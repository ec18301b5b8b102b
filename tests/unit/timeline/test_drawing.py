"""A timeline drawn: at any width, with and without colour and Unicode, in the terminal and as SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from checker.render.style import Style
from checker.render.timeline import clock, findings, timeline_lines
from checker.render.timeline_svg import RED, timeline_svg
from checker.timeline.buckets import cut
from checker.timeline.model import Timeline, make
from checker.timeline.record import Begin, Cause, Connection, Download, Failure, Gap, Mark
from tests.unit.timeline.streams import stream, timeline

PLAIN = Style(colour=False, width=100, unicode=True, terminal=False)
NARROW = Style(colour=False, width=40, unicode=True, terminal=True)
ASCII = Style(colour=False, width=40, unicode=False, terminal=False)
COLOUR = Style(colour=True, width=100, unicode=True, terminal=True)

NOON = 1_795_608_000.0
REFUSED = Failure.REFUSED


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own


def story() -> Timeline:
    """No service, version 1, a rollout that loses some, an outage, a pause of the sender, version 2."""
    return timeline(
        [Begin(NOON, "http://front:8080/", 1)],
        stream(NOON, NOON + 10, REFUSED),
        stream(NOON + 10, NOON + 40, "1.0"),
        stream(NOON + 40, NOON + 50, "1.0", "2.0", "1.0", "2.0", REFUSED),
        stream(NOON + 50, NOON + 60, "2.0"),
        [Mark(NOON + 60, "node-2 killed")],
        stream(NOON + 60, NOON + 65, REFUSED),
        stream(NOON + 65, NOON + 75, "2.0"),
        [Gap(NOON + 75, NOON + 85, Cause.PAUSED), Mark(NOON + 86, "node-2 back")],
        stream(NOON + 85, NOON + 100, "2.0"),
        now=NOON + 100,
    )


def strip(lines: list[str], name: str) -> str:
    (line,) = [line for line in lines if line.startswith(f"{name:<11}")]
    return line[11:]


def test_each_version_has_a_strip_where_it_answered() -> None:
    lines = timeline_lines(story(), "09", PLAIN)
    one, two = strip(lines, "1.0"), strip(lines, "2.0")
    # 89 columns for 100 seconds: a column is 1.12 s.
    assert one[:8].strip() == ""
    assert set(one[10:34]) == {"█"}
    assert set(one[36:43]) <= set("▂▃▄▅▆")
    assert len(one) < 46
    assert two[:34].strip() == ""
    assert set(two[46:52]) == {"█"}


def test_failures_have_a_strip_of_their_own_and_other_signs_before_there_was_a_service() -> None:
    failed = strip(timeline_lines(story(), "09", PLAIN), "failed")
    assert set(failed[:8]) == {"·"}
    assert set(failed[36:43]) == {"×"}
    assert "████" in failed[53:58]
    assert failed[58:].strip() == ""


def test_downloads_that_were_cut_off_have_a_row_only_if_there_are_any() -> None:
    cut = Download(NOON + 41, 4000.0, 0, Failure.BAD_ANSWER, "", "", Connection.FRESH)
    told = make([*stream(NOON, NOON + 50, "1.0"), cut, *stream(NOON + 50, NOON + 100, "2.0")], now=NOON + 100)
    row = strip(timeline_lines(told, "08", PLAIN), "cut off")
    assert row.strip() == "×"
    assert row.index("×") == 40
    assert "1.0 to 2.0: " in " ".join(findings(told, PLAIN))
    assert "cut off" in timeline_svg(told, "08")
    assert not any(line.startswith("cut off") for line in timeline_lines(story(), "09", PLAIN))


def test_what_the_sender_missed_and_what_happened_are_in_their_columns() -> None:
    lines = timeline_lines(story(), "09", PLAIN)
    assert strip(lines, "no record").strip() == "~" * 10
    assert strip(lines, "marks").index("1") == 53
    assert f"  1  {clock(NOON + 60)}  node-2 killed" in lines
    assert f"  2  {clock(NOON + 86)}  node-2 back" in lines


def test_the_words_below_tell_what_to_take_from_it() -> None:
    words = findings(story(), PLAIN)
    assert words == [
        f"First answer at {clock(NOON + 10)}; there was no service before it.",
        "140 of 1600 requests failed: 140 connection refused.",
        f"Longest time without an answer: 5.0 s, from {clock(NOON + 59.95)}.",
        f"1.0 to 2.0: from {clock(NOON + 40.05)} to {clock(NOON + 49.9)}, 9.8 s; 40 requests failed.",
        "Half of the answers came within 2.0 ms, 99 % within 2.0 ms.",
        "For 10 s the sender itself sent nothing (paused). This is not a failure of the service.",
    ]


def test_a_quiet_time_is_told_in_two_sentences() -> None:
    assert findings(timeline(stream(NOON, NOON + 10, "1.0")), PLAIN) == [
        "200 requests answered.",
        "Half of the answers came within 2.0 ms, 99 % within 2.0 ms.",
    ]


def test_one_lost_request_is_no_time_without_an_answer() -> None:
    seen = timeline(
        stream(NOON, NOON + 5, "1.0"),
        stream(NOON + 5, NOON + 5.05, REFUSED),
        stream(NOON + 5.05, NOON + 9, "1.0"),
    )
    assert findings(seen, PLAIN)[0] == "1 of 180 requests failed: 1 connection refused."
    assert not any("Longest" in line for line in findings(seen, PLAIN))


def test_a_service_that_never_answered_is_told() -> None:
    (line,) = findings(timeline(stream(NOON, NOON + 10, REFUSED)), PLAIN)
    assert line == "No answer yet: 200 of 200 requests failed: 200 connection refused."


def test_a_release_taken_back_and_a_rollout_under_way_are_told_apart() -> None:
    back = timeline(
        stream(NOON, NOON + 10, "1.0"),
        stream(NOON + 10, NOON + 15, "1.0", "2.0"),
        stream(NOON + 15, NOON + 30, "1.0"),
    )
    assert any("rolled back by" in line for line in findings(back, PLAIN))
    assert any("not finished; none failed." in line for line in findings(back.between(0, NOON + 15), PLAIN))


@pytest.mark.parametrize(
    "style", [NARROW, ASCII, PLAIN, Style(colour=False, width=30, unicode=True, terminal=True)]
)
def test_no_line_is_wider_than_the_terminal(style: Style) -> None:
    lines = timeline_lines(story(), "09", style)
    assert max(map(len, lines)) <= style.width
    assert any("×" in line or "x" in line for line in lines)


def test_without_unicode_everything_is_ascii_and_still_told_apart() -> None:
    lines = timeline_lines(story(), "09", ASCII)
    assert all(line.isascii() for line in lines)
    failed = strip(lines, "failed")
    assert {"-", "x", "X"} <= set(failed)


def test_colour_is_red_for_failures_alone_and_nothing_without() -> None:
    lines = timeline_lines(story(), "09", COLOUR)
    red = [part for line in lines for part in re.findall(r"\x1b\[31m(.*?)\x1b", line)]
    assert any("×" in part for part in red)
    assert not any("·" in part for part in red)
    assert "\x1b" not in "".join(timeline_lines(story(), "09", PLAIN))


def test_a_short_time_is_drawn_as_wide_as_its_requests_allow() -> None:
    lines = timeline_lines(timeline(stream(NOON, NOON + 1, "1.0")), "09", PLAIN)
    assert strip(lines, "1.0") == "█" * 9


def test_nothing_recorded_says_so() -> None:
    assert timeline_lines(make([], now=NOON), "09", PLAIN)[-1] == "Nothing was recorded in this time."
    assert parsed(timeline_svg(make([], now=NOON), "09"))


def test_many_marks_share_signs_and_columns() -> None:
    marks = [Mark(NOON + number / 100, f"mark {number}") for number in range(50)]
    lines = timeline_lines(timeline(stream(NOON, NOON + 60, "1.0"), list(marks)), "09", NARROW)
    assert strip(lines, "marks").strip() == "*"
    assert sum("  mark " in line for line in lines) == 50


NASTY = "\x1b[2J<script>&\u202e\x07"


def nasty() -> Timeline:
    return timeline(
        [Begin(NOON, f"http://{NASTY}/", 1), Mark(NOON + 1, NASTY)],
        stream(NOON, NOON + 5, NASTY),
        stream(NOON + 5, NOON + 10, "2"),
    )


def test_what_a_service_says_of_itself_cannot_harm_a_terminal() -> None:
    said = "\n".join(timeline_lines(nasty(), "09", PLAIN))
    assert not set(said) & {"\x1b", "\x07", "\u202e"}


def test_what_a_service_says_of_itself_cannot_harm_a_page() -> None:
    svg = timeline_svg(nasty(), "09")
    assert "<script" not in svg
    assert not {each.tag for each in parsed(svg).iter()} & {
        "script",
        "{http://www.w3.org/2000/svg}script",
    }


SVG = "{http://www.w3.org/2000/svg}"


def test_the_svg_has_a_title_and_tells_the_same_in_words() -> None:
    root = parsed(timeline_svg(story(), "09"))
    assert root.get("role") == "img"
    ids = str(root.get("aria-labelledby")).split()
    title, description = (root.find(f".//*[@id='{each}']") for each in ids)
    assert title is not None
    assert title.text == "Traffic of lab 09 to http://front:8080/"
    assert description is not None
    told = str(description.text)
    for words in (
        "Version 1.0 answered",
        "Version 2.0 answered",
        "node-2 killed",
        "140 of 1600 requests failed",
    ):
        assert words in told


def test_the_svg_draws_failures_in_a_lane_with_a_name_and_marks_across() -> None:
    root = parsed(timeline_svg(story(), "09"))
    texts = ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    assert {"1.0", "2.0", "failed"} <= set(texts)
    red = [each for each in root.iter(f"{SVG}path") if each.get("fill") == RED]
    assert len(red) == 1
    dashed = [each for each in root.iter(f"{SVG}path") if each.get("stroke-dasharray")]
    assert len(dashed) == 2
    assert any(text.startswith("1") and text.endswith("node-2 killed") for text in texts)
    hatched = [each for each in root.iter(f"{SVG}rect") if each.get("fill") == "url(#blind)"]
    assert len(hatched) == 1


def test_the_svg_needs_nothing_from_elsewhere() -> None:
    svg = timeline_svg(story(), "09")
    assert re.findall(r"(?:href|src|@import|url\()[^>]*", svg.replace("url(#blind)", "")) == []


def test_pieces_of_time_hold_every_request_once() -> None:
    seen = story()
    for count in (1, 7, 89, 1000):
        assert sum(bucket.total for bucket in cut(seen, count)) == len(seen.requests)
    assert sum(bucket.blind * (bucket.end - bucket.begin) for bucket in cut(seen, 33)) == pytest.approx(10)
