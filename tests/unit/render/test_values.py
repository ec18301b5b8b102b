"""What a learner reads whose task differs from the lesson, in a class and outside of one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from checker.course.catalogue import Catalogue, Lab
from checker.course.model import Value
from checker.course.places import Places
from checker.render.style import Style
from checker.render.values import own_values_lines

ROOT = Path(__file__).parents[3]

PORT = Value(title="the port of `cruncher`", lesson="8093", choices=("8301", "8302", "8303"))
NAME = Value(title="the name of `parcel`", lesson="north", choices=("anchor", "bridge", "castle"))
HOST = Value(title="the host that dies", lesson="host-3", choices=("host-1", "host-2", "host-4"), fault=True)


def read(values: dict[str, Value], seed: str = "K-1", width: int = 100) -> str:
    """Return the lines of a lab with these values, as text."""
    found = Catalogue(Places(ROOT, ROOT)).find("1")
    lab = Lab(found.folder, msgspec.structs.replace(found.toml, values=values), seed=seed)
    return "\n".join(own_values_lines(lab, Style(colour=False, width=width, unicode=True, terminal=False)))


def test_outside_of_such_a_class_nothing_is_said() -> None:
    assert read({"name": NAME, "port": PORT, "host": HOST}, seed="") == ""


def test_each_value_stands_beside_the_lessons_with_what_it_is() -> None:
    rows = [line.split() for line in read({"name": NAME, "port": PORT}).splitlines()]
    (name,), (port,) = ([row for row in rows if row[0] == word] for word in ("north", "8093"))
    assert name[1] in NAME.choices
    assert name[2:] == ["the", "name", "of", "`parcel`"]
    assert port[1] in PORT.choices


def test_the_last_line_says_in_one_example_what_to_do() -> None:
    last = read({"port": PORT}).splitlines()[-1]
    assert last.startswith("  Where the lesson says 8093, type 830")
    assert "and so on" not in last
    assert "and so on" in read({"port": PORT, "name": NAME}).splitlines()[-1]


def test_a_fault_is_announced_and_not_given_away() -> None:
    text = read({"host": HOST})
    assert "the lab picks the host that dies" in text
    assert not [choice for choice in (*HOST.choices, HOST.lesson) if choice in text]


@pytest.mark.parametrize("width", [46, 72])
def test_narrow_terminals_cut_no_value(width: int) -> None:
    text = read({"name": NAME, "port": PORT}, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "north" in text
    assert "8093" in text
