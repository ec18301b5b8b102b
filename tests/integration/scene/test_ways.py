"""A lab with several ways: only the chosen ones run, and others take their place without a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.course.choice import keep
from tests.conftest import TOOLS, Course
from tests.integration.clusters import printed
from tests.integration.conftest import COMPOSE, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene

import pytest

WAYS = """
usual = ["hand", "crew"]
[ways.hand]
title = "by hand"
[ways.crew]
title = "by crew"
[ways.fleet]
title = "by fleet"
"""

WAY = (
    """
services:
  NAME-1:
    image: TOOLS
    networks: [lab]
    volumes: [NAME-disk:/disk]
    labels:
      io.drydock.lab: "${DRYDOCK_LAB}"
      io.drydock.role: node
    stop_grace_period: 0s
  toolbox:
    environment:
      WITH_NAME_UPPER: ${DRYDOCK_WITH_NAME_UPPER}
volumes:
  NAME-disk:
    labels:
      io.drydock.lab: "${DRYDOCK_LAB}"
"""
).replace("TOOLS", TOOLS)


@pytest.fixture
def lab(course: Course, make_scene: Callable[[Lab], Scene]) -> Iterator[Lab]:
    """Give a lab of three ways, which is stopped in the end."""
    files = {
        f"compose.{name}.yaml": WAY.replace("NAME_UPPER", name.upper()).replace("NAME", name)
        for name in ("hand", "crew", "fleet")
    }
    made = course.lab(toml=WAYS, files={"compose.yaml": COMPOSE, "start/notes.txt": "given\n", **files})
    yield made
    make_scene(made).stop()


def quiet(_: str) -> None:
    """Say nothing."""


def ids(engine: Engine, lab: Lab) -> dict[str, str]:
    found = engine.list_all("containers", labels={"com.docker.compose.project": lab.project})
    return {item["Labels"]["com.docker.compose.service"]: item["Id"] for item in found}


def test_other_ways_take_the_place_of_those_that_run_and_nothing_is_lost(
    lab: Lab, make_scene: Callable[[Lab], Scene], engine: Engine
) -> None:
    first = make_scene(lab)
    first.start(quiet)
    before = ids(engine, lab)
    assert before.keys() == {"toolbox", "hand-1", "crew-1"}
    assert printed(engine, before["toolbox"], "echo $WITH_HAND $WITH_CREW $WITH_FLEET") == "1 1"
    printed(engine, before["hand-1"], "echo kept > /disk/note")
    (first.work / "notes.txt").write_text("mine\n")

    make_scene(lab.choosing(["crew", "fleet"])).start(quiet)
    between = ids(engine, lab)
    assert between.keys() == {"toolbox", "crew-1", "fleet-1"}
    assert between["crew-1"] == before["crew-1"], "what was chosen both times was not touched"

    make_scene(lab.choosing(["hand", "crew"])).start(quiet)
    after = ids(engine, lab)
    assert after.keys() == before.keys()
    assert printed(engine, after["hand-1"], "cat /disk/note") == "kept"
    assert (first.work / "notes.txt").read_text() == "mine\n"

    first.stop()
    assert not ids(engine, lab)
    assert not engine.list_all("volumes", labels={"io.drydock.lab": lab.number}), (
        "also what is chosen no more"
    )


def test_the_command_says_which_ways_run_and_the_next_one_remembers(
    lab: Lab, course: Course, engine: Engine
) -> None:
    number = int(course.number)
    said, problem = spawn(course, "start", course.number, "--with", "fleet,hand").communicate(timeout=120)
    assert "Started: by hand and by fleet." in said, problem
    assert f"Also available: crew. To switch: lab start {number} --with fleet,crew" in said
    assert ids(engine, lab).keys() == {"toolbox", "hand-1", "fleet-1"}
    said, problem = spawn(course, "start", course.number).communicate(timeout=120)
    assert "Started: by hand and by fleet." in said, problem

    wrong = spawn(course, "start", course.number, "--with", "hand,fleat")
    _, problem = wrong.communicate(timeout=120)
    assert wrong.returncode == 2
    assert "Did you mean `fleet`?" in problem
    assert ids(engine, lab).keys() == {"toolbox", "hand-1", "fleet-1"}


def test_a_step_that_other_ways_lead_to_is_gone_to_with_these(
    lab: Lab, course: Course, engine: Engine
) -> None:
    text = (course.folder / "lab.toml").read_text() + "[[steps]]\ntitle = 'More'\nchecks = []\n"
    (course.folder / "lab.toml").write_text(text)
    course.write("steps/2/answer.toml", 'title = "x"\nways = ["crew"]\n')
    course.write("steps/2/run.sh", "echo reached > notes.txt\n")
    keep(course.places, lab.choosing(["hand", "fleet"]))
    gone = spawn(course, "goto", f"{course.number}.2", "--yes")
    _, said = gone.communicate(timeout=120)
    assert gone.returncode == 0, said
    assert "this answer uses by hand and by crew" in said
    assert ids(engine, lab).keys() == {"toolbox", "hand-1", "crew-1"}
    assert course.catalogue.find(course.number).chosen == ("hand", "crew")
