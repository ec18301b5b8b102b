"""`lab timeline`: what it takes for a length of time, and for a service."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.cli.verbs.timeline import seconds_of
from checker.errors import MisuseError
from checker.session.looking import choose


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("5m", 300.0), ("1h", 3600.0), ("all", None)])
def test_a_length_of_time_is_read(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "5 m", "1.5h", "5d", "²m", "yesterday"])
def test_what_is_no_length_of_time_is_misuse(text: str) -> None:
    with pytest.raises(MisuseError, match="--since takes a time such as 90s"):
        seconds_of(text)


LAB: Any = SimpleNamespace(number="12")


@pytest.mark.parametrize(
    ("names", "name", "chosen"),
    [([""], "", ""), (["swarm"], "", "swarm"), (["nomad", "swarm"], "swarm", "swarm")],
)
def test_the_traffic_that_is_meant_is_chosen(names: list[str], name: str, chosen: str) -> None:
    assert choose(LAB, names, name) == chosen


@pytest.mark.parametrize(
    ("names", "name", "what", "remedy"),
    [
        ([], "", "Lab 12 has no traffic", "roll out a new version or lose a host"),
        ([""], "swarm", "there is no swarm to choose", "lab timeline 12"),
        (["nomad", "swarm"], "", "Lab 12 has several services", "one of nomad, swarm"),
        (["nomad", "swarm"], "hand", "no traffic named hand", "one of nomad, swarm"),
    ],
)
def test_a_traffic_that_is_not_there_is_misuse_with_those_that_are(
    names: list[str], name: str, what: str, remedy: str
) -> None:
    with pytest.raises(MisuseError) as caught:
        choose(LAB, names, name)
    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_the_only_traffic_needs_no_name() -> None:
    assert choose(LAB, [""], "") == ""
    assert choose(LAB, ["swarm"], "") == "swarm"


def test_of_several_traffics_the_one_that_is_named_is_drawn() -> None:
    assert choose(LAB, ["hand", "swarm"], "hand") == "hand"


@pytest.mark.parametrize(
    ("names", "name", "words"),
    [
        ([], "", "no traffic"),
        ([""], "swarm", "only one service"),
        (["hand", "swarm"], "", "several services"),
        (["hand", "swarm"], "nomad", "no traffic named nomad"),
    ],
)
def test_a_traffic_that_is_not_there_is_misuse(names: list[str], name: str, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        choose(LAB, names, name)
