"""A cluster of the tests' own on the engine: its scene, what checks see of it, and what happens to its nodes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from checker.engine.shell import Shell
from checker.grading.author import Lab as JudgedLab
from checker.grading.container import Shells
from checker.scene import faults
from tests.conftest import made_by_compose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.engine.api import Engine
    from checker.scene.scene import Scene


def quiet(_: str) -> None:
    """Say nothing."""


class StartedCluster:
    """A started scene with nodes, and a lab as checks are given it."""

    def __init__(self, scene: Scene, judged: JudgedLab) -> None:
        self.scene = scene
        self.judged = judged

    def kill(self, *nodes: str) -> list[faults.Node]:
        """Kill nodes, and return them."""
        lost = [faults.Node(node, self.judged.node(node).id, running=False) for node in nodes]
        for node in nodes:
            self.judged.node(node).kill()
        return lost

    def back(self, node: faults.Node) -> None:
        """Start a lost node again."""
        faults.bring_back(self.scene.engine, self.scene.lab, node, quiet)


@contextlib.contextmanager
def judged(scene: Scene) -> Iterator[JudgedLab]:
    """Start a scene, give its lab as checks are given it, and see that nothing is left of it."""
    engine, lab = scene.engine, scene.lab
    shells = Shells(engine)
    scene.start(quiet)
    try:
        yield JudgedLab(lab, engine, scene.work, shells)
    finally:
        shells.close()
        scene.stop()
    for kind in ("containers", "networks", "volumes"):
        assert made_by_compose(engine, lab.project, kind) == []
        assert engine.list_all(kind, labels={"io.drydock.lab": lab.number}) == []


def printed(engine: Engine, container: str, command: str) -> str:
    """Run a command in a container, and return what it prints."""
    with Shell(engine, container) as shell:
        done = shell.run(command)
    assert done.rc == 0, done.stderr
    return done.stdout.strip()
