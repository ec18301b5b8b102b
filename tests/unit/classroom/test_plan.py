"""The plan for a room: from what was measured, and a table of the machines that need repair."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from checker.classroom.machines import machine_lines, machines
from checker.classroom.plan import plan, plan_lines
from checker.doctor.finding import Finding, Mark
from checker.errors import MisuseError
from checker.scene.admission import MARGIN

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from tests.conftest import Course

MEASURED = """
[measured]
memory_mb = {memory}
disk_mb = {disk}
start_s = 2
check_s = 1
engine = "1"
system = "1"
date = "1"
[measured.images]
"""


@pytest.fixture
def labs(course: Course) -> list[Lab]:
    """Give three labs: two that share an image, and one with nodes that was never measured."""

    def lab(number: int, more: str, measured: str) -> Lab:
        folder = course.root / "labs" / f"{number:02}-x"
        folder.mkdir()
        (folder / "lab.toml").write_text(
            f'title = "Lab {number}"\nclaim = "C"\nsummary = "S"\npart = "containers"\nminutes = 20\n{more}\n[[steps]]\ntitle = "S"\n{measured}'
        )
        return course.catalogue.read(folder)

    one = (
        MEASURED.format(memory=100, disk=300)
        + '"drydock/a:1" = "0123456789ab, 200 MB"\n"drydock/b:1" = "0123456789ab, 150 MB"\n'
    )
    two = (
        MEASURED.format(memory=1000, disk=250)
        + '"drydock/a:1" = "0123456789ab, 200 MB"\n"drydock/c:1" = "0123456789ab, 70 MB"\n'
    )
    return [lab(1, "", one), lab(2, 'needs = ["privileged"]', two), lab(3, "", "")]


def test_figures_are_those_that_were_measured(labs: list[Lab]) -> None:
    room = plan(labs[:2], 30, 100)
    assert room.memory == 1_200_000_000 + 500_000_000
    assert room.images == 420_000_000  # a, b and c once, which is less than both labs' sums
    assert room.disk == 420_000_000 + 200_000_000 + 600_000_000
    assert room.download == 30 * 420_000_000
    assert (room.shared_minutes, room.alone_minutes) == (0.6, 16.8)
    assert (room.minutes, room.helpers) == (40, 3)


def test_what_only_a_way_that_can_be_chosen_needs_counts_too(course: Course) -> None:
    lab = course.lab(
        toml='needs = ["limits"]\nusual = ["one"]\n[ways.one]\ntitle = "by one"\n'
        '[ways.two]\ntitle = "by two"\nneeds = ["privileged"]\n'
    )
    (need,) = plan([lab], 1, 10).labs
    assert need.needs == ("limits", "privileged")
    assert need.disk == plan([lab], 1, 10).disk == 200_000_000 + 600_000_000


def test_memory_is_that_of_the_largest_ways_whatever_was_chosen_here(course: Course) -> None:
    ways = "".join(f'[ways.{name}]\ntitle = "by {name}"\n' for name in ("one", "two", "three"))
    measured = MEASURED.format(memory=300, disk=0)
    used = "[measured.ways]\none = 100\ntwo = 150\nthree = 400\n"
    lab = course.lab(toml=f'usual = ["one", "two"]\n{ways}{measured}{used}')
    (need,) = plan([lab], 1, 10).labs
    assert need.memory == int((150 + 400 + 50) * 1_000_000 * MARGIN)
    assert plan([lab.with_ways(["one", "two"])], 1, 10).labs == (need,)


def test_a_lab_that_was_never_measured_is_named(labs: list[Lab]) -> None:
    assert plan(labs, 1, 10).unmeasured == ("03",)
    assert "Lab 03 was never measured" in "\n".join(plan_lines(plan(labs, 1, 10)))


@pytest.mark.parametrize(("learners", "mbit"), [(0, 10), (-3, 10), (1, 0), (1, -5)])
def test_a_plan_without_learners_or_connection_is_refused(
    labs: list[Lab], learners: int, mbit: float
) -> None:
    with pytest.raises(MisuseError, match="needs a lab, a learner"):
        plan(labs, learners, mbit)


def doctor(folder: Path, name: str, *findings: Finding) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(findings))


def finding(mark: Mark = Mark.FINE, name: str = "memory", labs: str = "", **amounts: float) -> Finding:
    return Finding(
        id=name,
        group="machine",
        title=name,
        mark=mark,
        found="as found",
        remedy="Mend it.",
        labs=labs,
        amounts=amounts,
    )


def test_each_machine_is_judged_against_these_labs(labs: list[Lab], tmp_path: Path) -> None:
    folder = tmp_path / "machines"
    doctor(folder, "good", finding(memory=8e9, disk_free=50e9))
    # Too small for the largest lab of the course, but not for these.
    doctor(folder, "enough", finding(Mark.PROBLEM, memory=1.8e9, disk_free=50e9))
    doctor(folder, "small", finding(memory=1.5e9, disk_free=50e9))
    doctor(folder, "full", finding(memory=8e9, disk_free=1e9))
    doctor(folder, "old", finding(Mark.PROBLEM, "kernel", labs="02, 09"))
    doctor(folder, "other", finding(Mark.PROBLEM, "kernel", labs="09"))
    doctor(folder, "dead", finding(Mark.PROBLEM, "engine"))
    found = {each.machine: each for each in machines(folder, plan(labs[:2], 7, 10))}
    assert {name: each.stopped for name, each in found.items()} == {
        "good": (),
        "enough": (),
        "small": ("02",),
        "full": ("01", "02"),
        "old": ("02",),
        "other": (),
        "dead": ("01", "02"),
    }
    assert found["small"].repairs == ("memory: 1.5 GB, and 1.7 GB are needed.",)
    assert found["old"].repairs == ("kernel: as found. Mend it.",)
    lines = machine_lines(list(found.values()))
    assert lines[-1] == "3 of 7 machines are ready for these labs."
    assert [line.split()[0] for line in lines[1:9:2]] == ["dead", "full", "old", "small"]


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_file_that_powershell_wrote_is_read(
    labs: list[Lab], tmp_path: Path, encoding: str, mark: str
) -> None:
    text = msgspec.json.encode([finding(memory=8e9, disk_free=50e9)]).decode()
    (tmp_path / "pc.json").write_bytes((mark + text).encode(encoding))
    (found,) = machines(tmp_path, plan(labs[:1], 1, 10))
    # Without a byte order mark, nothing tells that it is UTF-16; PowerShell always writes one.
    assert found.ready == (bool(mark) or encoding == "utf-8")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '[{"id": 1}]', "[" * 50_000, "x" * 2_000_001], ids=range(7)
)
def test_a_file_that_is_not_the_doctors_is_a_machine_to_look_at(
    labs: list[Lab], tmp_path: Path, text: str
) -> None:
    (tmp_path / "pc\x1b[2J7.json").write_text(text)
    (found,) = machines(tmp_path, plan(labs[:1], 1, 10))
    assert not found.ready
    assert found.machine == "pc7"
    assert "cannot be read" in found.repairs[0]


def test_hostile_text_in_a_machines_file_is_harmless(labs: list[Lab], tmp_path: Path) -> None:
    bad = msgspec.structs.replace(finding(Mark.PROBLEM, "engine"), found="\x1b]0;x\x07<b>\u202e" + "y" * 9999)
    doctor(tmp_path, "pc", bad)
    text = "\n".join(machine_lines(machines(tmp_path, plan(labs[:1], 1, 10))))
    assert re.fullmatch(r"[ -~\n]*", text)
    assert len(text) < 700


def test_a_folder_without_files_says_how_to_make_one(labs: list[Lab], tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"no file that ends in \.json") as refused:
        machines(tmp_path, plan(labs[:1], 1, 10))
    assert "lab doctor --json" in refused.value.remedy
    with pytest.raises(MisuseError, match="no folder"):
        machines(tmp_path / "x", plan(labs[:1], 1, 10))


def test_the_plan_is_plain_json_too(labs: list[Lab]) -> None:
    assert json.loads(msgspec.json.encode(plan(labs[:2], 3, 10)))["learners"] == 3


def test_labs_are_named_by_ranges_each_once(course: Course, labs: list[Lab]) -> None:
    del labs

    def numbers(*names: str) -> list[str]:
        return [lab.number for lab in course.catalogue.several(names)]

    assert numbers("2-3", "1", "2") == ["01", "02", "03"]
    assert numbers("02-x") == ["02"]
    with pytest.raises(MisuseError, match="no lab from 7 to 9"):
        numbers("7-9")
    with pytest.raises(MisuseError, match="no lab `9`"):
        numbers("9")
