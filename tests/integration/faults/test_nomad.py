"""A Nomad cluster meets what happens to it: its server killed, a client lost in a release, all of it at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from checker.cluster.nomad import CLIENTS, SERVER, Nomad
from checker.course.places import Places
from checker.grading.author import wait_until
from checker.images.supply import lacking
from tests.conftest import ROOT, Course
from tests.integration.clusters import StartedCluster, judged, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene

COMPOSE = f"""
include:
  - path: ["{ROOT}/labs/scenes/toolbox.yaml", "{ROOT}/labs/scenes/nomad-toolbox.yaml"]
  - {ROOT}/labs/scenes/nomad.yaml
"""

SECOND = 10**9
SECONDS = 60.0
IMAGES = ("nomad:1.0", "toolbox:1.0-nomad", "parcel:1.0", "parcel:2.0")


def job(version: str) -> str:
    """Return a job of two copies, as the API takes it."""
    group = {
        "Name": "parcel",
        "Count": 2,
        "Networks": [{"ReservedPorts": [{"Label": "http", "Value": 8080}]}],
        "Update": {
            "Canary": 1,
            "AutoPromote": True,
            "AutoRevert": True,
            "MinHealthyTime": SECOND,
            "HealthyDeadline": 30 * SECOND,
            "ProgressDeadline": 60 * SECOND,
        },
        "Services": [
            {
                "Name": "parcel",
                "Provider": "nomad",
                "PortLabel": "http",
                "Checks": [
                    {
                        "Name": "ready",
                        "Type": "http",
                        "Path": "/readyz",
                        "Interval": SECOND,
                        "Timeout": SECOND,
                    }
                ],
            }
        ],
        "Tasks": [
            {
                "Name": "parcel",
                "Driver": "docker",
                "Config": {"image": f"drydock/parcel:{version}", "ports": ["http"]},
                "Resources": {"CPU": 100, "MemoryMB": 64},
            }
        ],
    }
    return json.dumps({"Job": {"ID": "parcel", "Datacenters": ["*"], "TaskGroups": [group]}})


class Cluster(StartedCluster):
    """A started cluster: its scene, and what checks see of it."""

    @property
    def nomad(self) -> Nomad:
        """The cluster as a check sees it, asked through a shell that is open now."""
        return Nomad(self.judged)

    def hand_over(self, version: str) -> None:
        """Hand the job over."""
        self.nomad.api.post("jobs", job(version))

    def runs(self, version: str, *, without: str = "", seconds: float = SECONDS) -> bool:
        """Whether two copies of a version run, and none of another, within the time."""

        def is_so() -> bool:
            there = [each for each in self.nomad.instances() if each.node != without]
            return [(each.version, each.ready) for each in there] == [(version, True)] * 2

        return wait_until(is_so, seconds, every=0.2)

    def whole(self) -> bool:
        """Whether the server counts on all three clients, within the time."""
        return wait_until(lambda: all(map(self.nomad.is_ready, CLIENTS)), SECONDS, every=0.2)


@pytest.fixture
def cluster(make_scene: Callable[[Lab], Scene], course: Course, engine: Engine) -> Iterator[Cluster]:
    """Give a started cluster, and see that nothing is left of it."""
    if what := lacking(IMAGES[:2], Places(ROOT, ROOT), lambda: engine):
        pytest.skip(f"THIS MACHINE HAS NO {what}")
    for name in IMAGES:
        if engine.image(f"drydock/{name}") is None:
            pytest.skip(f"THE IMAGE {name} IS MISSING: lab images build {name}")
    lab = course.lab(files={"compose.yaml": COMPOSE})
    scene = make_scene(lab)
    with judged(scene) as given:
        yield Cluster(scene, given)


def test_a_server_that_was_killed_finds_its_clients_again_at_another_address(
    cluster: Cluster, engine: Engine
) -> None:
    cluster.hand_over("1.0")
    assert cluster.runs("1.0")
    before = {each.id for each in cluster.nomad.instances()}
    (node,) = cluster.kill(SERVER)
    network = next(iter(engine.inspect(node.container)["NetworkSettings"]["Networks"]))
    # Whoever comes next gets the address that became free.
    thief = cluster.judged.run("drydock/toolbox:1.0", command=["sleep", "60"], network=network, Init=True)
    cluster.back(node)
    after = engine.inspect(node.container)["NetworkSettings"]["Networks"][network]["IPAddress"]
    assert after != thief.networks[network]
    assert cluster.whole()
    assert cluster.runs("1.0")
    assert before & {each.id for each in cluster.nomad.instances()}, (
        "what ran on while nobody decided still runs"
    )
    cluster.judged.close()


def test_a_client_lost_in_a_release_does_not_hold_it_up(cluster: Cluster) -> None:
    cluster.hand_over("1.0")
    assert cluster.runs("1.0")
    cluster.hand_over("2.0")
    assert wait_until(lambda: any(each.version == "2.0" for each in cluster.nomad.instances()), SECONDS)
    old = next(each.node for each in cluster.nomad.instances() if each.version == "1.0")
    (node,) = cluster.kill(old)
    assert cluster.runs("2.0", without=node.name)
    cluster.back(node)
    assert cluster.whole()


def test_a_cluster_that_was_killed_as_a_whole_is_mended_by_the_next_start(cluster: Cluster) -> None:
    cluster.hand_over("1.0")
    assert cluster.runs("1.0")
    cluster.kill(SERVER, *CLIENTS)
    cluster.scene.start(quiet)
    assert cluster.whole()
    # Clients that got other addresses cannot publish what was published on the old ones. Nomad tries that once more,
    # a quarter of a minute later, gives it up, and places the copies anew after another half.
    assert cluster.runs("1.0", seconds=150.0)
