"""Rounds of fire: drawn again from the same seed, spread over everything that can be hit, and judged by what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.engine.api import IMAGE, LABEL
from checker.grading.author import wait_until
from tests.conftest import ROOT
from tests.fire import ground
from tests.fire.engine import LocalEngine
from tests.fire.ground import RECORD, STAY, TOKEN, end_marked, kill, may_stay
from tests.fire.plan import KINDS, draw

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


@pytest.mark.parametrize("name", sorted(STAY - {RECORD}))
def test_what_may_stay_in_the_state_folder_is_something_that_lab_keeps(name: str) -> None:
    sources = (ROOT / "checker").rglob("*.py")
    assert any(f'state / "{name}"' in source.read_text(encoding="utf-8") for source in sources)


@pytest.mark.parametrize(
    ("file", "stays"),
    [
        ("images/parcel.log", True),
        ("progress.sqlite3-wal", True),
        ("progress.sqlite3.damaged-1", True),
        ("nodes/06-instances.json", False),
        ("verify/06-instances/front.cfg", False),
        ("something", False),
    ],
)
def test_what_a_stopped_lab_may_leave_in_the_state_folder(file: str, *, stays: bool) -> None:
    assert may_stay(Path(file)) == stays


def test_images_of_others_do_not_count() -> None:
    first = LABS[0]
    listed: list[dict[str, Any]] = [
        {"Id": "sha256:1", "RepoTags": ["drydock/parcel:1.0"], "Labels": {IMAGE: "parcel"}},
        {"Id": "sha256:2", "RepoTags": ["mine:1"], "Labels": {LABEL: first.number}},
        {"Id": "sha256:3", "RepoTags": [], "Labels": {LABEL: first.number}},
        {"Id": "sha256:4", "RepoTags": ["theirs:1"], "Labels": {LABEL: "04"}},
        {"Id": "sha256:5", "RepoTags": ["drydock/vm:1.0"], "Labels": {IMAGE: "vm"}},
        {"Id": "sha256:6", "RepoTags": None, "Labels": None},
    ]
    assert ground._images(first, listed) == {"image drydock/parcel:1.0 1", "image mine:1 2", "image <none> 3"}


def test_a_shim_counts_as_left_when_its_container_has_a_process(tmp_path: Path) -> None:
    engine = LocalEngine(0, ["dockerd", "--exec-root", str(tmp_path)], tmp_path / "socket", 0)
    (tmp_path / "runc").symlink_to("/bin/sh")
    (tmp_path / "init").write_text("read -r _\n", encoding="utf-8")
    shims = [
        subprocess.Popen(
            ["containerd-shim", "-c", script, "-id", name, str(tmp_path)],
            executable="/bin/sh",
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )
        for name, script in (
            ("runs", "sleep 1000 & read -r _"),
            ("known", "sleep 1000 & read -r _"),
            ("alone", "read -r _"),
            ("created", "runc init; read -r _"),
        )
    ]
    try:
        assert wait_until(lambda: sorted(engine.orphans(set())) == ["known", "runs"], 20)
        assert wait_until(lambda: engine.orphans({"known"}) == ["runs"], 20)
    finally:
        for each in shims:
            os.killpg(each.pid, signal.SIGKILL)
            each.communicate()
