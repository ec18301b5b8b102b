"""A swarm meets what happens to it: its manager killed, a node lost in a rollout, all of it at once, its members gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.cluster.swarm import Swarm
from checker.grading.author import wait_until
from tests.conftest import ROOT, Course
from tests.integration.clusters import StartedCluster, judged, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene

COMPOSE = f"""
include:
  - path: ["{ROOT}/labs/scenes/toolbox.yaml", "{ROOT}/labs/scenes/swarm-toolbox.yaml"]
  - {ROOT}/labs/scenes/swarm.yaml
"""

CREATE = (
    "docker service create --quiet --detach --no-resolve-image --name parcel --replicas 2 "
    "--publish mode=host,published=8080,target=8080 --restart-delay 1s drydock/parcel:1.0"
)
SECONDS = 60.0


class Cluster(StartedCluster):
    """A started swarm: its scene, what checks see of it, and the learner's commands."""

    @property
    def swarm(self) -> Swarm:
        """The swarm as a check sees it, asked through a shell that is open now."""
        return Swarm(self.judged)

    def run(self, command: str) -> str:
        """Type a command in the toolbox."""
        done = self.judged.shells.of(self.scene.toolbox()).run(command, 30.0)
        assert done.rc == 0, done.stderr
        return done.stdout

    def runs(self, version: str, *, without: str = "") -> bool:
        """Whether two copies of a version run, and none of another, within the time."""

        def is_so() -> bool:
            there = [each for each in self.swarm.instances() if each.node not in {without, ""}]
            return [(each.version, each.ready) for each in there] == [(version, True)] * 2

        return wait_until(is_so, SECONDS, every=0.2)

    def carrying(self) -> list[str]:
        """Return the workers that have a copy now."""
        return [each.node for each in self.swarm.instances() if each.node not in {"", "node-1"}]

    def ready_without(self, node: str) -> int:
        """Count the copies that run, of whatever version, on other nodes than this."""
        return sum(each.ready and each.node != node for each in self.swarm.instances())

    def whole(self) -> bool:
        """Whether the three nodes are ready, one of them the manager, within the time."""

        def is_so() -> bool:
            found = [(node.name, node.ready, node.manager) for node in self.swarm.members()]
            return found == [("node-1", True, True), ("node-2", True, False), ("node-3", True, False)]

        return wait_until(is_so, SECONDS, every=0.2)


@pytest.fixture(autouse=True)
def _images(engine: Engine) -> None:
    for name in ("node:1.0", "parcel:1.0", "parcel:2.0"):
        if engine.image(f"drydock/{name}") is None:
            pytest.skip(f"THE IMAGE {name} IS MISSING: lab images build {name}")


@pytest.fixture
def cluster(make_scene: Callable[[Lab], Scene], course: Course, engine: Engine) -> Iterator[Cluster]:
    """Give a started swarm of three nodes, and see that nothing is left of it."""
    lab = course.lab(files={"compose.yaml": COMPOSE})
    scene = make_scene(lab)
    with judged(scene) as given:
        yield Cluster(scene, given)


def test_a_manager_that_was_killed_finds_its_swarm_again_at_another_address(
    cluster: Cluster, engine: Engine
) -> None:
    assert cluster.whole()
    cluster.run(CREATE)
    assert cluster.runs("1.0")
    (node,) = cluster.kill("node-1")
    before = engine.inspect(node.container)["NetworkSettings"]["Networks"]
    network = next(iter(before))
    # Whoever comes next gets the address that became free.
    thief = cluster.judged.run("drydock/toolbox:1.0", command=["sleep", "60"], network=network, Init=True)
    cluster.back(node)
    after = engine.inspect(node.container)["NetworkSettings"]["Networks"][network]["IPAddress"]
    assert after != thief.networks[network]
    assert cluster.whole()
    assert cluster.runs("1.0")
    cluster.judged.close()


def test_a_node_lost_in_a_rollout_costs_no_copy_and_the_order_given_again_ends_it(cluster: Cluster) -> None:
    cluster.run(CREATE)
    assert cluster.runs("1.0")
    update = "docker service update --quiet --detach --no-resolve-image --image drydock/parcel:2.0"
    cluster.run(f"{update} parcel")
    assert wait_until(lambda: any(each.version == "2.0" for each in cluster.swarm.instances()), SECONDS)
    assert wait_until(cluster.carrying, SECONDS)
    (node,) = cluster.kill(cluster.carrying()[0])
    # A copy that is lost so soon after it began counts as a bad one: Swarm replaces it, and pauses the rollout.
    assert wait_until(lambda: cluster.ready_without(node.name) == 2, SECONDS, every=0.2)
    cluster.run(f"{update} --force parcel")
    assert cluster.runs("2.0", without=node.name)
    cluster.back(node)
    assert cluster.whole()
    assert cluster.runs("2.0")


def test_a_swarm_that_was_killed_as_a_whole_is_mended_by_the_next_start(cluster: Cluster) -> None:
    cluster.run(CREATE)
    assert cluster.runs("1.0")
    cluster.kill("node-1", "node-2", "node-3")
    cluster.scene.start(quiet)
    assert cluster.whole()
    assert cluster.runs("1.0")


def test_the_routing_mesh_answers_exactly_where_the_scene_says_that_it_works(cluster: Cluster) -> None:
    (note,) = cluster.scene.notes(quiet)
    cluster.run(CREATE.replace("mode=host,published=8080,target=8080", "8081:8080"))
    assert cluster.runs("1.0")
    ask = "for n in 1 2 3; do curl -s -o /dev/null -m 2 -w '%{http_code} ' http://node-$n:8081/ || true; done"

    def is_answered() -> bool:
        return cluster.run(ask).split() == ["200"] * 3

    assert wait_until(is_answered, 15.0, every=0.5) is ("mesh works" in note)
    assert cluster.run("docker service ls --format '{{.Name}}'").split() == ["parcel"]


def test_a_swarm_that_its_members_left_is_new_after_a_reset(cluster: Cluster) -> None:
    cluster.run("docker --host tcp://node-3:2375 swarm leave && docker swarm leave --force")
    cluster.scene.reset(quiet)
    assert cluster.whole()
