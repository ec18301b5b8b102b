"""Rounds of fire: drawn again from the same seed, spread over everything that can be hit, and judged by what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.grading.author import wait_until
from tests.conftest import ROOT
from tests.fire import ground
from tests.fire.ground import TOKEN, end_marked, kill
from tests.fire.plan import KINDS, draw

if TYPE_CHECKING:
    from pathlib import Path

LABS = [Catalogue(find(ROOT)).find(name) for name in ("1", "6")]


def test_a_round_is_drawn_again_from_its_seed_and_number() -> None:
    assert [draw(7, number, LABS, KINDS) for number in range(50)] == [
        draw(7, number, LABS, KINDS) for number in range(50)
    ]
    assert draw(7, 1, LABS, KINDS) != draw(8, 1, LABS, KINDS)


def test_rounds_hit_every_verb_of_every_lab_in_every_way_at_any_moment() -> None:
    rounds = [draw(1, number, LABS, KINDS) for number in range(1000)]
    hit = {(each.lab.number, each.verb) for each in rounds}
    assert {verb for number, verb in hit if number == "06"} == {
        "start",
        "check",
        "solve",
        "reset",
        "lose",
        "stop",
        "verify",
    }
    assert ("01", "lose") not in hit
    assert {each.kind for each in rounds} == set(KINDS)
    assert {int(each.share * 10) for each in rounds} == set(range(10))


def test_the_answers_of_rounds_are_there() -> None:
    for number in range(300):
        each = draw(1, number, LABS, KINDS)
        assert [answer for answer in each.lab.answers if each.answer in answer.name], each.answer


def test_what_a_process_left_is_found_by_its_mark_and_ended(tmp_path: Path) -> None:
    name, _, value = TOKEN.partition("=")
    script = f"sleep 1000 & echo $! > {tmp_path}/pid; echo ready; wait"
    process = subprocess.Popen(
        ["sh", "-c", script], env={**os.environ, name: value}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    kill(process, alone=True)
    process.wait(20)
    left = int((tmp_path / "pid").read_text())
    assert left in ground._marked()
    end_marked()
    assert ground._marked() == []
    process.stdout.close()


def test_a_process_is_killed_with_all_that_it_started() -> None:
    name, _, value = TOKEN.partition("=")
    command = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '1000'])"]
    process = subprocess.Popen(command, text=True, env={**os.environ, name: value}, start_new_session=True)
    assert wait_until(lambda: len(ground._marked()) == 2, 60)
    kill(process, alone=False)
    assert process.wait(20) == -signal.SIGKILL
    assert wait_until(lambda: not ground._marked(), 20)
