"""The front: servers by a list that it keeps asking, or by a file that a person writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.engine.shell import Shell
from checker.grading.author import wait_until
from tests.conftest import ROOT
from tests.integration.conftest import COMPOSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.scene.scene import Scene
    from tests.conftest import Course

PARCEL = """
    {name}:
      image: drydock/parcel:1.0
      pull_policy: never
      environment: {{PARCEL_INSTANCE: {name}}}
      networks: [lab]
      labels: {{io.drydock.lab: "${{DRYDOCK_LAB}}", io.drydock.role: node}}
      stop_grace_period: 1s
"""

FRONT = """
    {name}:
      extends: {{file: "{root}/labs/scenes/front.yaml", service: front}}
      hostname: {name}
      user: ${{DRYDOCK_USER}}
      environment: {{{variable}: "{value}"}}
      volumes:
        - {{type: bind, source: "${{DRYDOCK_WORK}}", target: "${{DRYDOCK_WORK_INSIDE}}", read_only: true}}
      networks: [lab]
"""

FILE = """
backend parcel
    server first one:8080
    server second two:8080
"""


class Stage:
    """A scene of two copies and two fronts, and a shell in its toolbox."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.shell = Shell(scene.engine, scene.toolbox())

    def ask(self, front: str, times: int = 1) -> list[str]:
        """Ask a front so many times, and return who answered each time, or the status."""
        done = self.shell.run(
            f"for n in $(seq {times}); do"
            f" curl -s --max-time 5 -w ' %{{http_code}}' http://{front}:8080/ | tr '\\n' ' '; echo; done",
            60,
        )
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        return [_who(line) for line in lines]

    def write(self, text: str) -> None:
        """Write the file of the front that goes by hand."""
        (self.scene.work / "front.cfg").write_text(text)

    def log(self, front: str) -> str:
        """Return what a front said."""
        return self.scene.engine.logs(f"{self.scene.lab.project}-{front}-1", 50)

    def kill(self, name: str) -> None:
        """Kill a copy's container, so that its address answers no more."""
        self.scene.engine.post(f"/containers/{self.scene.lab.project}-{name}-1/kill", signal="KILL")

    def start(self, name: str) -> None:
        """Start it again."""
        self.scene.engine.post(f"/containers/{self.scene.lab.project}-{name}-1/start")


def _who(line: str) -> str:
    status = line.rsplit(maxsplit=1)[-1]
    return next((name for name in ("one", "two") if f'"{name}"' in line), status)


@pytest.fixture
def stage(make_scene: Callable[..., Scene], course: Course) -> Iterator[Stage]:
    """Give the scene, started; nobody has written the file yet."""
    compose = (
        COMPOSE
        + PARCEL.format(name="one")
        + PARCEL.format(name="two")
        + FRONT.format(
            name="byhand", root=ROOT, variable="DRYDOCK_FRONT_FILE", value="${DRYDOCK_WORK_INSIDE}/front.cfg"
        )
        + FRONT.format(
            name="bylist", root=ROOT, variable="DRYDOCK_FRONT_TO", value="one:8080 two:8080 three:8080"
        )
    )
    scene = make_scene(course.lab(files={"compose.yaml": compose, "start/notes.txt": "given\n"}))
    for name in ("front:1.0", "parcel:1.0"):
        if scene.engine.image(f"drydock/{name}") is None:
            pytest.skip(f"THE IMAGE {name} IS MISSING: lab images build {name}")
    scene.start(lambda _: None)
    made = Stage(scene)
    yield made
    made.shell.close()
    scene.stop()


def test_a_file_is_taken_over_when_it_changes_and_kept_when_it_cannot_be_used(stage: Stage) -> None:
    assert stage.ask("byhand") == ["503"]
    stage.write(FILE)
    assert wait_until(lambda: {"one", "two"} <= set(stage.ask("byhand", 4)), 15), stage.log("byhand")
    stage.write(FILE.replace("server second", "sever second"))
    assert wait_until(lambda: "[front.cfg:4] : unknown keyword 'sever'" in stage.log("byhand"), 15)
    assert "cannot be used; what was in force stays" in stage.log("byhand")
    assert {"one", "two"} == set(stage.ask("byhand", 6))
    stage.write(FILE.replace("    server second two:8080\n", ""))
    assert wait_until(lambda: set(stage.ask("byhand", 6)) == {"one"}, 15), stage.log("byhand")


def test_by_hand_a_dead_server_is_tried_in_its_turn_also_after_another_change(stage: Stage) -> None:
    stage.write(FILE)
    assert wait_until(lambda: {"one", "two"} <= set(stage.ask("byhand", 4)), 15), stage.log("byhand")
    stage.kill("two")
    assert {"one", "503"} == set(stage.ask("byhand", 6))
    assert "parcel/second" in stage.log("byhand")
    # Its name is unknown by now; where it leads to is not forgotten.
    stage.write(f"# changed\n{FILE}")
    assert wait_until(lambda: stage.log("byhand").count("is in force") >= 2, 15), stage.log("byhand")
    assert wait_until(lambda: "503" in stage.ask("byhand", 6), 15)


def test_by_a_list_a_lost_server_costs_nobody_a_request_and_comes_back(stage: Stage) -> None:
    assert wait_until(lambda: {"one", "two"} <= set(stage.ask("bylist", 4)), 15), stage.log("bylist")
    stage.kill("two")
    assert set(stage.ask("bylist", 20)) == {"one"}
    stage.start("two")
    assert wait_until(lambda: {"one", "two"} <= set(stage.ask("bylist", 4)), 15), stage.log("bylist")
