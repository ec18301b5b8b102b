"""Scenes of several nodes meet what happens to them: interrupted, killed, unplugged, beside another, removed."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.author import wait_until
from tests.conftest import ROOT, Course, made_by_compose, reserved
from tests.integration.clusters import printed
from tests.integration.conftest import COMPOSE, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene

NODES = ("node-1", "node-2")


def quiet(_: str) -> None:
    """Say nothing."""


def _node(name: str) -> str:
    return f"""
    {name}:
      extends: {{file: "{ROOT}/labs/scenes/node.yaml", service: node}}
      hostname: {name}
      networks: [lab]
      volumes: ["{name}:/var/lib/docker"]
"""


COMPOSE_NODES = COMPOSE.replace(
    "volumes:\n  data:\n",
    "volumes:\n"
    + "".join(f'  {name}:\n    labels:\n      io.drydock.lab: "${{DRYDOCK_LAB}}"\n' for name in NODES)
    + "  data:\n",
    1,
) + "".join(map(_node, NODES))


@pytest.fixture(autouse=True)
def _image(engine: Engine) -> None:
    if engine.image("drydock/node:1.0") is None:
        pytest.skip("THE NODE IMAGE IS MISSING: lab images build node")


@pytest.fixture
def nodes(make_scene: Callable[[Lab], Scene], course: Course) -> Iterator[Scene]:
    """Give a scene of a toolbox and two nodes, not started."""
    made = make_scene(course.lab(files={"compose.yaml": COMPOSE_NODES, "start/notes.txt": "given\n"}))
    yield made
    made.stop()


def parts(engine: Engine, number: str) -> dict[str, list[dict[str, Any]]]:
    """Return the containers, networks and volumes of a lab."""
    return {
        kind: made_by_compose(engine, f"drydock-{number}", kind)
        for kind in ("containers", "networks", "volumes")
    }


def in_node(engine: Engine, number: str, name: str, command: str) -> str:
    """Run a command in a node and return what it prints."""
    return printed(engine, f"drydock-{number}-{name}-1", command)


def traces(engine: Engine, number: str) -> dict[str, set[str]]:
    """Return where a lab can be seen on this machine itself: processes, mounts, network devices with their routes.

    Empty where the engine has a machine of its own.
    """
    found = parts(engine, number)
    records = [engine.inspect(item["Id"]) for item in found["containers"]]
    pids = {str(each["State"]["Pid"]) for each in records if each["State"]["Pid"]}
    mounts = {str((each.get("GraphDriver") or {}).get("Data", {}).get("MergedDir", "")) for each in records}
    rooms = {str(each["NetworkSettings"].get("SandboxKey", "")) for each in records}
    bridges = {f"br-{item['Id'][:12]}" for item in found["networks"]}
    return {
        "processes": {pid for pid in pids if Path("/proc", pid).exists()},
        "mounts": {
            line
            for line in Path("/proc/mounts").read_text().splitlines()
            if any(place and f" {place} " in line for place in mounts | rooms)
        }
        if Path("/proc/mounts").exists()
        else set(),
        "devices": {bridge for bridge in bridges if Path("/sys/class/net", bridge).exists()},
        "routes": {
            line
            for line in (
                Path("/proc/net/route").read_text().splitlines() if Path("/proc/net/route").exists() else []
            )
            if line.split("\t")[0] in bridges
        },
    }


def still_there(before: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return which of the traces can still be seen."""
    mounts = set(Path("/proc/mounts").read_text().splitlines()) if Path("/proc/mounts").exists() else set()
    routes = (
        set(Path("/proc/net/route").read_text().splitlines()) if Path("/proc/net/route").exists() else set()
    )
    left = {
        "processes": {pid for pid in before["processes"] if Path("/proc", pid).exists()},
        "mounts": before["mounts"] & mounts,
        "devices": {name for name in before["devices"] if Path("/sys/class/net", name).exists()},
        "routes": before["routes"] & routes,
    }
    return {kind: what for kind, what in left.items() if what}


def test_stopping_nodes_leaves_no_container_network_volume_process_mount_or_route(
    nodes: Scene, engine: Engine
) -> None:
    nodes.start(quiet)
    number = nodes.lab.number
    there = parts(engine, number)
    assert (len(there["containers"]), len(there["networks"]), len(there["volumes"])) == (3, 1, 3)
    before = traces(engine, number)
    volumes = {str(item["Name"]) for item in there["volumes"]}
    nodes.stop()
    assert not any(parts(engine, number).values())
    assert not volumes & {str(item["Name"]) for item in engine.list_all("volumes")}
    # The kernel takes a moment to let go.
    assert wait_until(lambda: not still_there(before), 10), still_there(before)


def test_a_start_that_is_interrupted_when_the_nodes_run_but_are_not_ready_leaves_nothing(
    course: Course, engine: Engine
) -> None:
    # A third that never gets ready keeps the start waiting while the nodes' engines come up.
    slow = _node("node-3").replace("node-3:/var/lib/docker", "/var/lib/docker")
    slow += '      healthcheck: {test: "false", interval: 1s, retries: 1000}\n'
    lab = course.lab(files={"compose.yaml": COMPOSE_NODES + slow})
    volumes = {str(item["Name"]) for item in engine.list_all("volumes")}
    process = spawn(course, "start", lab.number)

    def all_run() -> bool:
        found = parts(engine, lab.number)["containers"]
        return len(found) == 4 and all(item["State"] == "running" for item in found)

    try:
        assert wait_until(all_run, 60), parts(engine, lab.number)
        before = traces(engine, lab.number)
        mounted = {
            str(mount["Name"])
            for item in parts(engine, lab.number)["containers"]
            for mount in item["Mounts"]
            if mount["Type"] == "volume"
        }
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert not any(parts(engine, lab.number).values())
    assert mounted - volumes
    assert not mounted & {str(item["Name"]) for item in engine.list_all("volumes")}
    assert wait_until(lambda: not still_there(before), 10), still_there(before)


def test_nodes_that_all_died_at_once_come_back_with_what_was_on_their_disks(
    nodes: Scene, engine: Engine
) -> None:
    nodes.start(quiet)
    number = nodes.lab.number
    in_node(engine, number, "node-1", "docker volume create kept")
    (nodes.work / "notes.txt").write_text("mine\n")
    # As after a power cut, or a restart of the engine with its containers.
    for item in parts(engine, number)["containers"]:
        engine.post(f"/containers/{item['Id']}/kill")
    assert wait_until(lambda: set(nodes.services().values()) == {"exited"}, 20)
    nodes.start(quiet)
    assert nodes.is_running()
    assert "kept" in in_node(engine, number, "node-1", "docker volume ls --quiet")
    assert (nodes.work / "notes.txt").read_text() == "mine\n"


@pytest.mark.parametrize("state", ["stopped", "running"])
def test_nodes_whose_network_is_gone_since_yesterday_are_plugged_in_anew(
    nodes: Scene, engine: Engine, state: str
) -> None:
    nodes.start(quiet)
    number = nodes.lab.number
    in_node(engine, number, "node-2", "docker volume create kept")
    (network,) = parts(engine, number)["networks"]
    for item in parts(engine, number)["containers"]:
        if state == "stopped":
            engine.post(f"/containers/{item['Id']}/kill")
        engine.post(f"/networks/{network['Id']}/disconnect", {"Container": item["Id"], "Force": True})
    engine.delete(f"/networks/{network['Id']}")
    nodes.start(quiet)
    assert nodes.is_running()
    assert in_node(engine, number, "node-1", "getent hosts node-2")
    assert "kept" in in_node(engine, number, "node-2", "docker volume ls --quiet")


def test_a_node_that_the_learner_deleted_with_its_disk_is_mended_by_a_reset(
    nodes: Scene, engine: Engine
) -> None:
    nodes.start(quiet)
    number = nodes.lab.number
    (nodes.work / "notes.txt").write_text("mine\n")
    in_node(engine, number, "node-1", "rm -rf /usr/bin/docker /etc/hosts 2> /dev/null || true")
    engine.delete(f"/containers/drydock-{number}-node-2-1", force=True, v=True)
    engine.delete(f"/volumes/drydock-{number}_node-2")
    aside = nodes.reset(quiet)
    assert aside is not None
    assert (aside / "notes.txt").read_text() == "mine\n"
    assert nodes.is_running()
    for name in NODES:
        assert in_node(engine, number, name, "docker info --format '{{.Name}}'") == name


def test_two_labs_with_nodes_of_the_same_names_do_not_meet(
    nodes: Scene, make_scene: Callable[[Lab], Scene], course: Course, engine: Engine
) -> None:
    number = str(int(reserved()) - 20)
    shutil.copytree(course.folder, course.root / "labs" / f"{number}-other")
    other = make_scene(course.catalogue.find(number))
    try:
        nodes.start(quiet)
        other.start(quiet)
        in_node(engine, nodes.lab.number, "node-1", "docker volume create mine")
        assert in_node(engine, other.lab.number, "node-1", "docker volume ls --quiet") == ""
        reached = [
            in_node(engine, each, "node-2", "docker --host tcp://node-1:2375 info --format '{{.ID}}'")
            for each in (nodes.lab.number, other.lab.number)
        ]
        own = [
            in_node(engine, each, "node-1", "docker info --format '{{.ID}}'")
            for each in (nodes.lab.number, other.lab.number)
        ]
        assert reached == own
        assert own[0] != own[1]
        nodes.stop()
        assert other.is_running()
    finally:
        other.stop()
    assert not any(parts(engine, number).values())


def test_a_node_on_which_the_learner_has_paused_a_container_is_removed(engine: Engine, nodes: Scene) -> None:
    nodes.start(quiet)
    number = nodes.lab.number
    # A process in a frozen cgroup stands for a paused container: the node has no image to run.
    in_node(
        engine,
        number,
        "node-1",
        "cd /sys/fs/cgroup; if [ -d freezer ]; then mkdir freezer/held; sleep 600 >/dev/null 2>&1 </dev/null & "
        "echo $! >freezer/held/cgroup.procs; echo FROZEN >freezer/held/freezer.state; fi",
    )
    nodes.stop()
    assert not parts(engine, number)["containers"]
