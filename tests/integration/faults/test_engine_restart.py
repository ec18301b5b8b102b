"""An engine that is restarted, or killed, under a running scene: `lab start` repairs what it left."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import Engine
from checker.engine.client import find_client
from checker.engine.endpoint import Endpoint
from checker.errors import LabError
from checker.provision import processes
from checker.scene.scene import Scene
from checker.scene.work import folder_of
from tests.conftest import FAKE, Course
from tests.integration.second_engine import needs_dockerd

if TYPE_CHECKING:
    from pathlib import Path

    from checker.provision.daemon import Daemon

pytestmark = [pytest.mark.engine, needs_dockerd]

IMAGE = "drydock/parcel:1.0"
COMPOSE = f"""
networks:
  lab: {{labels: {{io.drydock.lab: "${{DRYDOCK_LAB}}"}}}}
volumes:
  disk: {{labels: {{io.drydock.lab: "${{DRYDOCK_LAB}}"}}}}
services:
  node-1: &node
    image: {IMAGE}
    pull_policy: never
    entrypoint: ["/bin/sh", "-c", "echo again >> /disk/starts; exec sleep 1000"]
    user: "0"
    init: true
    stop_grace_period: 1s
    networks: [lab]
    volumes: ["disk:/disk"]
    healthcheck: {{test: "test -s /disk/starts", interval: 1s, start_period: 5s, start_interval: 100ms}}
    labels: {{io.drydock.lab: "${{DRYDOCK_LAB}}", io.drydock.role: node}}
  node-2:
    <<: *node
    entrypoint: ["/bin/sh", "-c", "exec sleep 1000"]
"""


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "killed"])
def test_a_scene_whose_engine_was_restarted_is_repaired_by_the_next_start(
    daemon: Daemon, course: Course, engine: Engine, how: signal.Signals, tmp_path: Path
) -> None:
    course.number, course.slug = FAKE, f"{FAKE}-fake"
    if engine.image(IMAGE) is None:
        pytest.skip(f"THE IMAGE {IMAGE} IS MISSING: lab images build parcel")
    daemon.start(quiet)
    endpoint = Endpoint(f"unix://{daemon.socket}", "a second engine")
    second, client = Engine(endpoint), find_client(endpoint)
    usual = find_client(engine.endpoint)
    with subprocess.Popen(
        usual.command("save", IMAGE), env=usual.environment(), stdout=subprocess.PIPE
    ) as saving:
        subprocess.run(
            client.command("load", "--quiet"),
            env=client.environment(),
            stdin=saving.stdout,
            stdout=subprocess.DEVNULL,
            timeout=120,
            check=True,
        )
    lab = course.lab(files={"compose.yaml": COMPOSE})
    scene = Scene(lab, course.places, second, client, folder_of(course.places, lab))
    scene.start(quiet)
    before = {item["Id"] for item in second.list_all("containers")}

    running = daemon.running()
    assert running is not None
    assert processes.end(running, how, 30)
    with pytest.raises(LabError, match="answer"):
        scene.services()
    daemon.start(quiet)
    assert "running" not in set(scene.services().values())
    with pytest.raises(LabError, match="is not running") as caught:
        scene.require_running()
    assert "lab start" in caught.value.remedy

    scene.start(quiet)
    assert scene.is_running()
    assert {item["Id"] for item in second.list_all("containers")} == before
    scene.stop()
    assert second.list_all("containers") == []
    assert [item for item in second.list_all("volumes") if "disk" in item["Name"]] == []
