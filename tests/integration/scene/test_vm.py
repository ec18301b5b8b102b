"""The scene of a virtual machine: reached by ssh from the toolbox, mended when it was lost, and gone with the lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.engine.shell import Shell
from checker.scene.ownership import owned_volumes
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene
    from tests.conftest import Course

pytestmark = pytest.mark.engine


def ssh(scene: Scene, command: str) -> list[str]:
    with Shell(scene.engine, scene.toolbox()) as shell:
        return shell.run(f"ssh vm '{command}' < /dev/null", 30).stdout.splitlines()


def test_a_machine_is_reached_by_ssh_comes_back_and_leaves_nothing(
    course: Course, make_scene: Callable[[Lab], Scene], engine: Engine
) -> None:
    for name in ("vm:1.0", "toolbox:1.0"):
        if engine.image(f"drydock/{name}") is None:
            pytest.skip(f"THE IMAGE {name} IS MISSING: lab images build {name}")
    scene = make_scene(course.lab(files={"compose.yaml": f'include:\n  - "{ROOT}/labs/scenes/vm.yaml"\n'}))
    told: list[str] = []
    scene.start(told.append)
    kernel, hostname = ssh(scene, "uname -r; hostname")
    assert "-cloud-" in kernel
    assert hostname == "vm"
    engine.post(f"/containers/{scene.lab.project}-vm-1/kill", signal="KILL")
    scene.start(told.append)
    assert ssh(scene, "uname -r") == [kernel]
    scene.stop()
    assert not owned_volumes(engine, scene.lab)
    assert not scene.services()
