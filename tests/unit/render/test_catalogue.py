"""`lab list`: how far the learner is, on wide and narrow terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.progress import Standing
from checker.render.catalogue import list_lines
from checker.render.style import Style

if TYPE_CHECKING:
    from tests.conftest import Course

BEGUN = Standing(attempts=3, passed_at="", last_passed=4, last_total=13, hints=0, solved=False)


def style(width: int) -> Style:
    return Style(width=width, colour=False, unicode=True, terminal=True)


def test_a_wide_terminal_shows_minutes_and_a_narrow_one_the_standing_whole(course: Course) -> None:
    lab = course.lab()
    wide, *_ = list_lines([(lab, BEGUN)], style(100))
    narrow, *_ = list_lines([(lab, BEGUN)], style(40))
    assert "5 min" in wide
    assert wide.endswith("4 of 13 checks")
    assert narrow.endswith("4 of 13 checks")
    assert len(narrow) <= 40


def test_a_lab_of_several_ways_shows_which_are_chosen(course: Course) -> None:
    ways = 'usual = ["hand", "crew"]\n' + "".join(
        f'[ways.{name}]\ntitle = "by {name}"\nports = [{port}]\n'
        for name, port in (("hand", 8001), ("crew", 8002), ("fleet", 8003))
    )
    lab = course.lab(toml=ways).choosing(["fleet", "hand"])
    row, *_ = list_lines([(lab, BEGUN)], style(100))
    assert row.endswith("4 of 13 checks; ways: hand, fleet")
