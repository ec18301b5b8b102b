"""What the doctor says of memory, processors, disk, limits and storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.course.model import Measured, Way
from checker.doctor import resources
from checker.doctor.finding import Mark
from checker.engine.platform import System

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]

HUNGRY = {
    "measured": Measured(
        memory_mb=3000, disk_mb=800, start_s=1, check_s=0.1, engine="28", system="Linux", date="2026-01-01"
    )
}


@pytest.mark.parametrize(
    ("system", "advice"),
    [
        (System.MACOS, "colima start --memory"),
        (System.WINDOWS, ".wslconfig"),
        (System.LINUX, "4 GB or more"),
    ],
)
def test_too_little_memory_for_a_lab_is_a_problem_with_this_platforms_remedy(
    machine: Make, system: System, advice: str
) -> None:
    (seen,) = resources.memory(machine(system, info={"MemTotal": 2_500_000_000}, labs=(HUNGRY,)))
    assert seen.mark is Mark.PROBLEM
    assert "3000 MB (lab 01)" in seen.found
    assert advice in seen.remedy


def test_little_memory_that_suffices_is_noted(machine: Make) -> None:
    (seen,) = resources.memory(machine(info={"MemTotal": 1_500_000_000}))
    assert seen.mark is Mark.NOTE


def test_memory_that_others_hold_is_noted_where_the_engine_shares_our_kernel(machine: Make) -> None:
    files = {
        "/proc/sys/kernel/osrelease": "6.12.0\n",
        "/proc/meminfo": "MemTotal: 1 kB\nMemAvailable: 100000 kB\n",
    }
    (shared,) = resources.memory(machine(files=files))
    assert shared.mark is Mark.NOTE
    assert "0.1 GB of it are free now" in shared.found
    (elsewhere,) = resources.memory(machine(files=files, info={"KernelVersion": "6.6.0-linuxkit"}))
    assert elsewhere.mark is Mark.FINE


def test_a_kernel_without_memory_limits_is_a_problem(machine: Make) -> None:
    (seen,) = resources.cgroups(machine(info={"MemoryLimit": False}))
    assert seen.mark is Mark.PROBLEM
    assert "it cannot limit memory" in seen.found
    assert "cgroup_enable=memory" in seen.remedy


def test_a_rootless_engine_without_limits_is_to_have_them_delegated(machine: Make) -> None:
    info = {"PidsLimit": False, "SecurityOptions": ["name=rootless"]}
    (seen,) = resources.cgroups(machine(info=info))
    assert "delegate" in seen.remedy


@pytest.mark.parametrize(
    ("info", "labs"), [({"CgroupDriver": "none"}, "01, 02"), ({"MemoryLimit": False}, "01")]
)
def test_without_limits_the_labs_that_need_them_are_named(
    machine: Make, info: dict[str, Any], labs: str
) -> None:
    these: tuple[dict[str, Any], ...] = ({"needs": ("limits",)}, {"needs": ("privileged",)}, {})
    (seen,) = resources.cgroups(machine(info=info, labs=these))
    assert seen.labs == labs
    assert f"needed for lab {labs}" in seen.found


def test_a_lab_with_a_way_that_needs_limits_is_named_whichever_way_is_chosen(machine: Make) -> None:
    ways = {"one": Way(title="by one"), "two": Way(title="by two", needs=("limits",))}
    (seen,) = resources.cgroups(machine(info={"MemoryLimit": False}, labs=({}, {"ways": ways})))
    assert seen.labs == "02"


def test_old_cgroups_with_all_limits_are_fine(machine: Make) -> None:
    (seen,) = resources.cgroups(machine(info={"CgroupVersion": "1", "CgroupDriver": "cgroupfs"}))
    assert seen.mark is Mark.FINE


def test_one_processor_is_noted(machine: Make) -> None:
    assert resources.processors(machine(info={"NCPU": 1}))[0].mark is Mark.NOTE
    assert resources.processors(machine())[0].mark is Mark.FINE


@pytest.mark.parametrize(("free", "mark"), [(0.5e9, Mark.PROBLEM), (3e9, Mark.NOTE), (50e9, Mark.FINE)])
def test_room_for_images_is_judged(machine: Make, free: float, mark: Mark) -> None:
    assert resources.judge_engine_disk(machine(), free, 100e9).mark is mark


def test_what_images_take_is_doubled_where_the_engine_keeps_them_twice(machine: Make) -> None:
    lab = HUNGRY
    assert "labs need 0.8 GB" in resources.judge_engine_disk(machine(labs=(lab,)), 50e9, 100e9).found
    status = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    twice = resources.judge_engine_disk(machine(labs=(lab,), info=status), 50e9, 100e9)
    assert "labs need 1.6 GB" in twice.found


@pytest.mark.parametrize(
    ("driver", "mark"),
    [("vfs", Mark.NOTE), ("zfs", Mark.NOTE), ("overlay2", Mark.FINE), ("overlayfs", Mark.FINE)],
)
def test_slow_storage_is_noted(machine: Make, driver: str, mark: Mark) -> None:
    assert resources.storage(machine(info={"Driver": driver}))[0].mark is mark
