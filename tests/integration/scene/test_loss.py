"""Nodes get the images that their labels name; they are lost on purpose, and come back with what they had."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError, MisuseError
from checker.scene import faults
from checker.scene.node_images import load_images
from checker.scene.state import require_running
from checker.timeline.traffic import FOLDER
from tests.conftest import ROOT, TOOLS, Course
from tests.integration.clusters import printed
from tests.integration.conftest import COMPOSE, SERVICE, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine
    from checker.scene.scene import Scene

NODES = ("node-1", "node-2")
RECORDERS = ("one", "two")

NODE = """
    {name}:
      extends: {{file: "{root}/labs/scenes/node.yaml", service: node}}
      hostname: {name}
      networks: [lab]
      labels:
        io.drydock.lab: "${{DRYDOCK_LAB}}"
        io.drydock.role: node
        io.drydock.images: "{images}"
        io.drydock.load: "{load}"
        io.drydock.may-fail: "true"
"""

RECORDER = (
    f"""
    traffic-NAME:
      image: {TOOLS}
      command: ["sh", "-c", "mkdir -p {FOLDER} && exec sleep 1000"]
      user: "0"
      networks: [lab]
"""
    + SERVICE % "prober"
)
"""A traffic that sends nothing and has a place for its record."""


def compose(images: str = "parcel:1.0", load: str = "docker load") -> str:
    """Return a scene of two nodes that may fail and get images."""
    return COMPOSE + "".join(NODE.format(name=name, root=ROOT, images=images, load=load) for name in NODES)


@pytest.fixture(autouse=True)
def _images(engine: Engine) -> None:
    for name in ("node:1.0", "parcel:1.0"):
        if engine.image(f"drydock/{name}") is None:
            pytest.skip(f"THE IMAGE {name} IS MISSING: lab images build {name}")


@pytest.fixture
def nodes(make_scene: Callable[[Lab], Scene], course: Course) -> Iterator[Scene]:
    """Give a scene of two nodes with Parcel's image, started."""
    made = make_scene(course.lab(files={"compose.yaml": compose()}))
    made.start(lambda _: None)
    yield made
    made.stop()


def inside(scene: Scene, node: str, command: str) -> str:
    """Run a command in a node and return what it prints."""
    return printed(scene.engine, f"{scene.lab.project}-{node}-1", command)


def test_images_reach_every_node_once_and_again_when_one_lost_them(nodes: Scene, engine: Engine) -> None:
    for node in NODES:
        inside(nodes, node, "docker run --rm --entrypoint python3 drydock/parcel:1.0 -c 'import json'")
    said: list[str] = []
    assert load_images(engine, nodes.lab.project, said.append) == []
    assert said == []
    inside(nodes, "node-2", "docker image rm drydock/parcel:1.0")
    assert load_images(engine, nodes.lab.project, said.append) == ["node-2"]
    assert said == ["loading parcel:1.0 into node-2"]
    inside(nodes, "node-2", "docker image inspect drydock/parcel:1.0")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": "parcel:9.9"}, "parcel:9.9"),
        ({"load": "echo the disk is full >&2; exit 7; docker load"}, "the disk is full"),
    ],
)
def test_a_node_that_gets_no_image_is_named_and_nothing_is_left(
    make_scene: Callable[[Lab], Scene], course: Course, engine: Engine, change: dict[str, str], words: str
) -> None:
    scene = make_scene(course.lab(files={"compose.yaml": compose(**change)}))
    try:
        with pytest.raises(LabError) as caught:
            scene.start(lambda _: None)
        assert words in f"{caught.value.what} {caught.value.detail}"
        assert not engine.list_all("containers", labels={"com.docker.compose.project": scene.lab.project})
    finally:
        scene.stop()


def test_a_scene_goes_on_without_a_node_that_may_fail(nodes: Scene, engine: Engine) -> None:
    node = faults.choose(engine, nodes.lab, "node-2")
    inside(nodes, "node-2", "docker run -d --name kept --entrypoint sleep drydock/parcel:1.0 1000")
    faults.lose(engine, node)
    assert [(each.name, each.running) for each in faults.find_nodes(engine, nodes.lab)] == [
        ("node-1", True),
        ("node-2", False),
    ]
    require_running(engine, nodes.lab)
    with pytest.raises(MisuseError, match="node-2 is already lost"):
        faults.choose(engine, nodes.lab, "node-2")
    assert faults.choose(engine, nodes.lab).name == "node-1"
    faults.bring_back(engine, nodes.lab, node, lambda _: None)
    # Its disk is as it was, and its engine has forgotten that anything ran.
    assert inside(
        nodes, "node-2", "docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' kept"
    ).startswith("exited")
    with pytest.raises(MisuseError, match="is running, so it cannot be brought back"):
        faults.choose(engine, nodes.lab, "node-2", running=False)
    with pytest.raises(MisuseError, match="has no node node-9"):
        faults.choose(engine, nodes.lab, "node-9")


def test_starting_the_lab_again_brings_a_lost_node_back(nodes: Scene, engine: Engine) -> None:
    faults.lose(engine, faults.choose(engine, nodes.lab, "node-1"))
    nodes.start(lambda _: None)
    inside(nodes, "node-1", "docker image inspect drydock/parcel:1.0")


@pytest.fixture
def recorded(make_scene: Callable[[Lab], Scene], course: Course) -> Iterator[Scene]:
    """Give a scene of two nodes with two timelines, as a lab has that compares services, started."""
    recorders = [RECORDER.replace("NAME", name) for name in RECORDERS]
    made = make_scene(course.lab(files={"compose.yaml": compose() + "".join(recorders)}))
    made.start(lambda _: None)
    yield made
    made.stop()


def marks(scene: Scene) -> list[list[str]]:
    """Return what was marked in each of the lab's timelines, in order."""
    read = [inside(scene, f"traffic-{name}", f"cat {FOLDER}/record") for name in RECORDERS]
    return [[json.loads(line)[2] for line in record.splitlines()] for record in read]


def test_the_verb_loses_by_lot_brings_all_back_and_marks_both_in_every_timeline(
    recorded: Scene, course: Course, engine: Engine
) -> None:
    number = str(int(recorded.lab.number))
    out, err = spawn(course, "lose", number, "--json").communicate(timeout=60)
    record = json.loads(out)
    assert record["lost"], err
    assert record["nodes"][0] in NODES
    assert [node.name for node in faults.find_nodes(engine, recorded.lab) if not node.running] == record[
        "nodes"
    ]
    lost = record["nodes"][0]
    assert marks(recorded) == [[f"{lost} lost"]] * 2
    back = spawn(course, "lose", number, "--back")
    out, err = back.communicate(timeout=90)
    assert (back.returncode, out) == (0, f"{lost} is back.\n"), err
    assert marks(recorded) == [[f"{lost} lost", f"{lost} back"]] * 2


def test_a_lab_without_such_nodes_loses_none(scene: Scene, course: Course) -> None:
    scene.start(lambda _: None)
    process = spawn(course, "lose", str(int(scene.lab.number)))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "can be lost" in err


def test_a_service_that_may_not_fail_is_missed(
    make_scene: Callable[[Lab], Scene], course: Course, engine: Engine
) -> None:
    one = "\n    other:\n      image: TOOLS\n".replace("TOOLS", TOOLS) + SERVICE % "node"
    scene = make_scene(course.lab(files={"compose.yaml": COMPOSE + one}))
    try:
        scene.start(lambda _: None)
        other = f"{scene.lab.project}-other-1"
        engine.post(f"/containers/{other}/kill", signal="KILL")
        # The engine sees the end a moment after it has sent the signal.
        engine.request("POST", f"/containers/{other}/wait", query={"condition": "not-running"}, seconds=20)
        with pytest.raises(LabError, match=r"other \(exited\)"):
            require_running(engine, scene.lab)
    finally:
        scene.stop()
