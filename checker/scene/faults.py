"""Nodes that can be lost on purpose: killed as a power cut would, and brought back."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.engine.api import COMPOSE_PROJECT, COMPOSE_SERVICE
from checker.errors import LabError, MisuseError
from checker.scene.node_images import load_images
from checker.scene.state import MAY_FAIL

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

BACK_SECONDS = 60.0
"""How long a node may take until it is healthy again."""

END_SECONDS = 20.0
"""How long the engine may take to see that a killed node has ended: everything in it ends with it."""


@dataclass(frozen=True)
class Node:
    """A node that can be lost.

    Args:
        name: its service in the scene, which is its host name too.
        container: the id of the container that stands for it.
        running: whether it runs now.
    """

    name: str
    container: str
    running: bool


def find_nodes(engine: Engine, lab: Lab) -> list[Node]:
    """Return the nodes of a lab's scene that can be lost, by name."""
    found = engine.list_all("containers", labels={COMPOSE_PROJECT: lab.project, MAY_FAIL: ""})
    nodes = [
        Node(item["Labels"].get(COMPOSE_SERVICE, ""), item["Id"], item["State"] == "running")
        for item in found
    ]
    return sorted(nodes, key=lambda node: node.name)


def choose(engine: Engine, lab: Lab, name: str = "", *, running: bool = True) -> Node:
    """Return a node by name; when no name is given, the one that the learner's class has picked, or else a random one.

    Args:
        engine: the engine that runs them.
        lab: the lab.
        name: the node's name; empty for any.
        running: True for a node that runs, False for one that is lost.

    Raises:
        MisuseError: there is no such node.
    """
    number = int(lab.number)
    nodes = find_nodes(engine, lab)
    if not nodes:
        raise MisuseError(
            f"Lab {lab.number} has no node that can be lost.",
            remedy="Labs with several machines have such nodes: lab list",
        )
    named = [node for node in nodes if name in {"", node.name}]
    if not named:
        raise MisuseError(
            f"Lab {lab.number} has no node {name}.",
            remedy=f"It has {', '.join(node.name for node in nodes)}.",
        )
    fitting = [node for node in named if node.running == running]
    if fitting:
        picked = [node for node in fitting if running and node.name == lab.fault]
        return random.choice(picked or fitting)  # noqa: S311 - the choice does not have to be secret
    which = name or "Every node"
    if running:
        raise MisuseError(f"{which} is already lost.", remedy=f"Bring it back: lab lose {number} --back")
    raise MisuseError(
        f"{which} is running, so it cannot be brought back.", remedy=f"Lose a node: lab lose {number}"
    )


def lose(engine: Engine, node: Node) -> None:
    """Kill a node: the container that stands for it, with everything in it, at once and without warning."""
    engine.post(f"/containers/{node.container}/kill", signal="KILL")
    # The engine answers as soon as the signal is sent; until it has seen the container end, a start would do nothing.
    engine.request(
        "POST", f"/containers/{node.container}/wait", query={"condition": "not-running"}, seconds=END_SECONDS
    )


def bring_back(
    engine: Engine, lab: Lab, node: Node, progress: Callable[[str], None], seconds: float = BACK_SECONDS
) -> None:
    """Start a lost node, wait until it is healthy, and give it the images that it should have.

    Its disk is as before; what was running in it is not running, unless it starts by itself.

    Raises:
        LabError: it does not become healthy in time.
    """
    engine.post(f"/containers/{node.container}/start")
    if not becomes_healthy(engine, node.container, seconds):
        raise LabError(
            f"{node.name} did not come back within {seconds:g} s.",
            remedy=f"`lab start {int(lab.number)}` restarts whatever has stopped.",
            detail=engine.logs(node.container, 5),
        )
    load_images(engine, lab.project, progress, only={node.name})


def becomes_healthy(engine: Engine, container: str, seconds: float) -> bool:
    """Wait until a container runs and is healthy, and return whether it was within this many seconds."""
    give_up = time.monotonic() + seconds
    while not _is_healthy(engine, container):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def _is_healthy(engine: Engine, container: str) -> bool:
    state = engine.inspect(container)["State"]
    return bool(state["Running"]) and (state.get("Health") or {}).get("Status", "healthy") == "healthy"
