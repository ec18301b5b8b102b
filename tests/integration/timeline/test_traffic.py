"""Traffic between real containers: what a service's end looks like, what the sender's own does, and the verb."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import NotFoundError
from checker.grading.author import Lab, wait_until
from checker.grading.container import Container, Shells
from checker.grading.run import grade
from checker.timeline.record import Cause, Connection, Failure
from checker.timeline.traffic import Traffic
from tests.conftest import ROOT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from checker.engine.api import Engine
    from checker.scene.scene import Scene
    from checker.timeline.model import Timeline
    from tests.conftest import Course

SECONDS = 20.0
BUSY = {Cause.PAUSED}
"""A machine with much to do at this moment lets the sender wait, and the sender says so."""

COMPOSE = """
include:
  - path: [../scenes/traffic.yaml, traffic.yaml]

services:
  parcel:
    image: drydock/parcel:1.0
    pull_policy: never
    init: true
    environment:
      PARCEL_INSTANCE: one
    networks: [lab]
    labels:
      io.drydock.lab: "${DRYDOCK_LAB}"
      io.drydock.role: node
    stop_grace_period: 1s
"""

TO_PARCEL = """
services:
  traffic:
    environment:
      DRYDOCK_TRAFFIC_TO: http://parcel:8080/
"""

CHECK = '''
from checker.grading.author import Failure, Traffic, require

def test_it_holds(timeline: Traffic) -> None:
    """It holds"""
    mark = timeline.mark("looked at")
    seen = timeline.last(60).served
    require(seen.mark("looked at") == mark, "The mark is lost.", hint="")
    require(seen.good and not seen.failures, "It failed.", seen=seen.summary, hint="")
    require(seen.versions == ("1.0",) and seen.instances.keys() == {"one"}, "It is another.", hint="")
    require(Failure.REFUSED not in seen.kinds, "It was refused.", hint="")
'''


class Stage:
    """The fake lab with Parcel and traffic to it, running."""

    def __init__(self, scene: Scene, course: Course, engine: Engine) -> None:
        self.scene = scene
        self.course = course
        self.shells = Shells(engine)
        self._lab = Lab(scene.lab, engine, scene.work, self.shells)
        self.parcel = self._lab.node("parcel")
        self.traffic = self._lab.node("traffic")

    @property
    def record(self) -> Traffic:
        """The record, read by a shell in the traffic's container."""
        return Traffic(self.shells.of(self.traffic.id))

    def until(self, holds: Callable[[Timeline], object]) -> Timeline:
        """Wait until something holds of all that was recorded, and return that."""
        assert wait_until(lambda: holds(self.record.everything(0.0)), SECONDS), (
            self.record.everything().summary
        )
        return self.record.everything()

    def well(self) -> Timeline:
        """Wait until requests on both connections were answered a moment ago."""
        begin = self.record.now()
        return self.until(lambda seen: all(len(seen.since(begin).over(kind).good) > 2 for kind in Connection))


@pytest.fixture
def stage(make_scene: Callable[..., Scene], course: Course, engine: Engine) -> Iterator[Stage]:
    shutil.copytree(ROOT / "labs" / "scenes", course.root / "labs" / "scenes")
    lab = course.lab(checks=CHECK, files={"compose.yaml": COMPOSE, "traffic.yaml": TO_PARCEL})
    scene = make_scene(lab)
    scene.start(lambda _: None)
    made = Stage(scene, course, engine)
    yield made
    made.shells.close()
    scene.stop()


def test_a_service_that_is_killed_and_comes_back(stage: Stage) -> None:
    stage.well()
    killed = stage.record.mark("parcel killed")
    stage.parcel.kill()
    lost = stage.until(lambda seen: len(seen.since(killed).failures) > 10).since(killed)
    # Its port, then its host, then its name are gone, each as soon as the engine comes to it.
    assert set(lost.kinds) <= {
        Failure.NO_NAME, Failure.REFUSED, Failure.RESET, Failure.EMPTY, Failure.TIMED_OUT, Failure.UNREACHABLE,
    }  # fmt: skip
    assert lost.recovery(killed) is None
    stage.parcel.start()
    seen = stage.until(lambda seen: seen.recovery(killed) is not None)
    assert seen.recovery(killed) == pytest.approx(seen.since(killed).outages()[-1].end - killed.at)
    assert seen.lost(killed) == len(seen.served.failures)
    assert not causes(seen) - BUSY


def test_a_service_that_hangs_gives_no_answer_in_time(stage: Stage, engine: Engine) -> None:
    stage.well()
    hung = stage.record.mark("parcel hangs")
    engine.post(f"/containers/{stage.parcel.id}/pause")
    seen = stage.until(lambda seen: len(seen.since(hung).failures) > 5).since(hung)
    engine.post(f"/containers/{stage.parcel.id}/unpause")
    assert set(seen.kinds) == {Failure.TIMED_OUT}
    assert {each.connection for each in stage.well().since(hung).failures} == set(Connection)


def test_a_paused_sender_is_a_gap_and_the_service_is_not_blamed(stage: Stage, engine: Engine) -> None:
    before = stage.well()
    paused = stage.record.now()
    engine.post(f"/containers/{stage.traffic.id}/pause")
    # The service is asked for nothing meanwhile, and even its end goes unseen.
    stage.parcel.kill()
    stage.parcel.start()
    assert wait_until(lambda: answers(stage.parcel), SECONDS)
    engine.post(f"/containers/{stage.traffic.id}/unpause")
    seen = stage.until(lambda seen: seen.since(paused).gaps and seen.good[-1].at > seen.gaps[-1].end)
    assert causes(seen) == {Cause.PAUSED}
    assert not seen.served.failures, seen.served.failures
    assert not seen.served.outages()
    assert seen.requests[: len(before.requests)] == before.requests


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_the_record_survives_the_end_of_its_sender(stage: Stage, end: str) -> None:
    before = stage.well()
    if end == "kill":
        stage.traffic.kill()
    else:
        stage.traffic.stop(5)
    stage.traffic.start()
    seen = stage.well()
    assert causes(seen) - BUSY == {Cause.STOPPED}
    assert not seen.served.failures
    assert seen.requests[: len(before.requests)] == before.requests


def test_a_sender_that_is_made_anew_finds_the_record_of_the_one_before(stage: Stage) -> None:
    before = stage.well()
    stage.traffic.remove()
    stage.scene.start(lambda _: None)
    again = Stage(stage.scene, stage.course, stage.scene.engine)
    try:
        seen = again.well()
    finally:
        again.shells.close()
    assert seen.requests[: len(before.requests)] == before.requests
    assert not seen.served.failures


def test_a_network_that_is_taken_from_the_sender_is_its_own_trouble(stage: Stage, engine: Engine) -> None:
    stage.well()
    network = next(iter(stage.traffic.networks))
    engine.post(f"/networks/{network}/disconnect", {"Container": stage.traffic.id})
    assert wait_until(lambda: "nothing can be sent" in stage.traffic.logs(), SECONDS)
    engine.post(f"/networks/{network}/connect", {"Container": stage.traffic.id})
    seen = stage.until(lambda seen: seen.gaps and seen.good[-1].at > seen.gaps[-1].end + 1)
    assert causes(seen) - BUSY == {Cause.UNABLE}
    assert not seen.served.failures, seen.served.failures


def test_it_is_not_root_and_well_while_nobody_answers(stage: Stage) -> None:
    stage.parcel.stop(1)
    begin = stage.record.now()
    stage.until(lambda seen: len(seen.since(begin).failures) > 5)
    assert stage.traffic.reload().attrs["State"]["Health"]["Status"] == "healthy"
    assert stage.traffic.exec("id -u").stdout.strip() != "0"
    stage.parcel.start()


def test_a_check_reads_and_marks_the_timeline(stage: Stage, engine: Engine) -> None:
    stage.well()
    report = grade(stage.scene.lab, engine, stage.scene.work)
    assert report.passed, report.checks


def test_a_check_without_traffic_could_not_run(stage: Stage, engine: Engine) -> None:
    stage.traffic.remove()
    with pytest.raises(NotFoundError):
        engine.inspect(stage.traffic.id)
    (check,) = grade(stage.scene.lab, engine, stage.scene.work).checks
    assert check.status == "could-not-run"
    assert "traffic is missing" in check.reason


def test_the_verb_draws_prints_and_writes(
    stage: Stage, lab: Callable[..., subprocess.CompletedProcess[str]], course: Course
) -> None:
    stage.well()
    stage.parcel.kill()
    stage.parcel.start()
    stage.well()
    file = course.root / "timeline.svg"
    done = lab("timeline", course.number, "--svg", str(file), NO_COLOR="1")
    assert done.returncode == 0, done.stderr
    assert f"Traffic of lab {course.number} to http://parcel:8080/" in done.stdout
    assert "parcel ended" in done.stdout
    assert "parcel started" in done.stdout
    assert "\n1.0 " in done.stdout
    root = ET.parse(file).getroot()  # noqa: S314 - our own file
    assert "parcel ended" in "".join(root.itertext())
    told = json.loads(lab("timeline", course.number, "--since", "all", "--json").stdout)
    assert told["bands"][0]["version"] == "1.0"
    assert told["requests"] > 10
    assert lab("timeline", course.number, "--since", "yesterday").returncode == 2


def test_a_lab_without_traffic_is_told_so(
    scene: Scene, lab: Callable[..., subprocess.CompletedProcess[str]], course: Course
) -> None:
    done = lab("timeline", course.number)
    assert done.returncode == 3
    assert "is not started" in done.stderr
    scene.start(lambda _: None)
    done = lab("timeline", course.number)
    assert done.returncode == 2
    assert "has no traffic" in done.stderr


def causes(seen: Timeline) -> set[Cause]:
    """Return why nothing was sent for a while."""
    return {gap.cause for gap in seen.gaps}


def answers(container: Container) -> bool:
    """Whether Parcel in a container is well."""
    return container.exec("python3 -I -S /app/health.py").rc == 0
