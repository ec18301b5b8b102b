"""What the doctor concludes from what its containers print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.doctor import inside
from checker.doctor.finding import Mark
from checker.doctor.run import ask
from checker.engine.platform import System

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]

IMAGES = ({"RepoTags": ["drydock/toolbox:1"], "Labels": {"io.drydock.image": "toolbox"}},)


def healthy(body: dict[str, Any]) -> str:
    """Do what the script in a container does, and print what it prints."""
    folder = Path(body["HostConfig"]["Mounts"][0]["Source"])
    (folder / "answer").write_text((folder / "token").read_text())
    return "read yes\nwrote yes\ninner yes\nouter yes\ndisk 60000000 100000000\n"


def test_a_healthy_machine_has_nothing_to_say(machine: Make, engine: Any) -> None:
    engine.printed = healthy
    found = machine(images=IMAGES)
    assert [seen.mark for seen in inside.around(found)] == [Mark.FINE] * 5
    assert not found.places.work.exists()
    assert engine.made == []


@pytest.mark.parametrize(
    ("system", "advice"), [(System.LINUX, "DRYDOCK_WORK"), (System.MACOS, "File sharing")]
)
def test_a_work_folder_that_containers_do_not_see_is_a_problem(
    machine: Make, engine: Any, system: System, advice: str
) -> None:
    engine.printed = lambda _: "inner yes\nouter yes\ndisk 60000000 100000000\n"
    work, *_ = inside.around(machine(system, images=IMAGES))
    assert work.mark is Mark.PROBLEM
    assert "empty folder" in work.found
    assert advice in work.remedy


def test_a_work_folder_that_containers_cannot_write_is_a_problem(machine: Make, engine: Any) -> None:
    engine.printed = lambda _: "read yes\nwrote yes\ninner yes\n"
    work, *_ = inside.around(machine(images=IMAGES))
    assert work.mark is Mark.PROBLEM
    assert "do not appear there" in work.found


def test_names_that_are_not_found_inside_are_a_problem_and_outside_a_note(machine: Make, engine: Any) -> None:
    engine.printed = lambda body: (
        healthy(body).replace("inner yes", "inner no").replace("outer yes", "outer no")
    )
    _, names, outside, *_ = inside.around(machine(images=IMAGES))
    assert names.mark is Mark.PROBLEM
    assert outside.mark is Mark.NOTE
    assert "registry.example" in outside.found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("processes 20\nfiles 1048576\n", "20 processes"),
        ("processes unlimited\nfiles 64\n", "64 open files"),
        ("processes 94000\nfiles 1024\n", ""),
    ],
)
def test_limits_with_which_services_end_are_a_problem(
    machine: Make, engine: Any, said: str, words: str
) -> None:
    engine.printed = lambda body: healthy(body) + said
    limits = inside.around(machine(images=IMAGES))[3]
    assert limits.mark is (Mark.PROBLEM if words else Mark.FINE)
    assert words in limits.found


def test_no_free_addresses_are_told_with_what_frees_some(machine: Make, engine: Any) -> None:
    engine.refuse("/networks/create", "all predefined address pools have been fully subnetted")
    work, names, *_ = inside.around(machine(images=IMAGES))
    assert work.mark is Mark.UNKNOWN
    assert names.mark is Mark.PROBLEM
    assert "docker network prune" in names.remedy


def test_a_work_folder_on_another_machine_cannot_be_shared(machine: Make, engine: Any) -> None:
    engine.endpoint = engine.endpoint.__class__("ssh://ada@far", "DOCKER_HOST")
    engine.refuse("/containers/create", "invalid mount config: bind source path does not exist")
    work, *_ = inside.around(machine(images=IMAGES))
    assert work.mark is Mark.PROBLEM
    assert "another machine" in work.remedy


def test_a_container_that_cannot_start_leaves_nothing_behind(machine: Make, engine: Any) -> None:
    engine.refuse("/containers/containers-made/start", "OCI runtime create failed")
    work, *_ = inside.around(machine(images=IMAGES))
    assert work.mark is Mark.PROBLEM
    assert "OCI runtime create failed" in work.found


def test_before_images_are_made_the_probes_inside_say_so(machine: Make) -> None:
    findings = ask(machine(), inside.PROBES)
    assert {finding.mark for finding in findings} == {Mark.UNKNOWN}
    assert "after images are built" in findings[0].found
