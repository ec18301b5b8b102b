"""The lab's images in the learner's own cluster: loaded into nodes that are containers here, or found in the nodes.

Nothing is assumed: in a node that we cannot load them into, a pod that may not pull tests whether they are there.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.engine.api import COMPOSE_SERVICE
from checker.errors import LabError
from checker.external.server import Denied
from checker.scene.node_images import load_into

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.engine.api import Engine
    from checker.external.namespace import LabNamespace
    from checker.external.server import Server

IMAGES = ("parcel:1.0", "parcel:2.0")
"""The images that run in the cluster; everything else of the lab runs on the engine."""

LOADS = {"containerd": "ctr --namespace k8s.io images import -", "docker": "docker load"}
"""The command that loads an archive of images, by the node's runtime."""

TRY_SECONDS = 90.0
"""How long the test may take: a registry may be slow."""

MOST_NODES = 20
"""The most nodes in which the images are tested."""

_ABSENT = {"ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"}


@dataclass(frozen=True)
class Node:
    """A node of the cluster.

    Args:
        name: its name.
        addresses: its addresses.
        runtime: what runs its containers, such as `containerd`.
        takes_pods: whether it accepts pods without tolerations.
    """

    name: str
    addresses: tuple[str, ...]
    runtime: str
    takes_pods: bool


@dataclass(frozen=True)
class Plan:
    """How the images get into the cluster.

    Args:
        containers: the ids of containers that are nodes, by node and by the command that loads the images.
        tried: the nodes in which a pod tests for the images; an empty name lets the cluster choose.
        pulled: whether the nodes may pull them.
    """

    containers: dict[str, dict[str, str]]
    tried: tuple[str, ...]
    pulled: bool


def nodes(server: Server) -> list[Node]:
    """Return the cluster's nodes that are ready; none when the learner may not list them."""
    try:
        items = server.get("/api/v1/nodes")["items"]
    except Denied:
        return []
    return [_node(each) for each in items if _is_ready(each)]


def _is_ready(item: dict[str, Any]) -> bool:
    conditions = item["status"].get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _node(item: dict[str, Any]) -> Node:
    taints = item["spec"].get("taints") or []
    kept_away = any(each.get("effect") in {"NoSchedule", "NoExecute"} for each in taints)
    return Node(
        name=item["metadata"]["name"],
        addresses=tuple(
            each["address"] for each in item["status"].get("addresses") or [] if each["type"] == "InternalIP"
        ),
        runtime=str(item["status"]["nodeInfo"].get("containerRuntimeVersion") or "").partition(":")[0],
        takes_pods=not kept_away and not item["spec"].get("unschedulable"),
    )


def plan(engine: Engine, found: Sequence[Node], prefix: str, context: str) -> Plan:
    """Decide how the images get into the cluster, before anything is created there.

    Raises:
        LabError: no node accepts pods.
    """
    if found and not any(each.takes_pods for each in found):
        raise LabError(
            f"The cluster of `{context}` has no node that accepts pods.",
            remedy=f"See why: kubectl --context {context} get nodes",
        )
    taking = [each for each in found if each.takes_pods]
    if prefix:
        return Plan({}, tuple(each.name for each in taking[:MOST_NODES]) or ("",), pulled=True)
    here = containers_of(taking, engine.list_all("containers"))
    by_load: dict[str, dict[str, str]] = {}
    for node in taking:
        if node.name in here and node.runtime in LOADS:
            by_load.setdefault(LOADS[node.runtime], {})[node.name] = here[node.name]
    rest = [each.name for each in taking if not any(each.name in several for several in by_load.values())]
    return Plan(by_load, tuple(rest[:MOST_NODES]) if found else ("",), pulled=False)


def containers_of(found: Sequence[Node], containers: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the containers of this engine that are nodes, by the node's name.

    A container is a node when it has the node's address, and the node's name as its own or as its Compose service's.
    """
    here = {}
    for item in containers:
        if item.get("State") != "running":
            continue
        networks = ((item.get("NetworkSettings") or {}).get("Networks") or {}).values()
        addresses = {each.get("IPAddress") for each in networks} - {"", None}
        names = {name.lstrip("/") for name in item.get("Names") or []}
        names.add(str((item.get("Labels") or {}).get(COMPOSE_SERVICE) or ""))
        for node in found:
            if node.name in names and addresses & set(node.addresses):
                here[node.name] = str(item["Id"])
    return here


def bring(
    engine: Engine,
    server: Server,
    room: LabNamespace,
    planned: Plan,
    parcel: str,
    progress: Callable[[str], None],
) -> None:
    """Load the images into the cluster, and require that they are there.

    Raises:
        LabError: a node does not have them, and they cannot be loaded into it; the message says what to do.
    """
    for load, containers in planned.containers.items():
        load_into(engine, containers, IMAGES, load, progress)
    if planned.tried:
        progress("checking whether the nodes have the lab's images")
        _require(server, room, planned, parcel)


def _require(server: Server, room: LabNamespace, planned: Plan, parcel: str) -> None:
    made = {f"drydock-images-{number}": node for number, node in enumerate(planned.tried)}
    try:
        for name, node in made.items():
            server.send("POST", f"{room.path}/pods", _pod(name, node, parcel, pulled=planned.pulled))
        lacking = _watch(server, room, made)
    except Denied as denied:
        raise LabError(
            f"The lab could not check whether its images are in the cluster: {denied.message}.",
            remedy="Ask the cluster's administrator which pods it accepts.",
        ) from denied
    finally:
        for name in made:
            with contextlib.suppress(Denied):
                server.send("DELETE", f"{room.path}/pods/{name}?gracePeriodSeconds=0")
    if lacking:
        raise _missing(server.context.name, lacking, parcel, pulled=planned.pulled)


def _watch(server: Server, room: LabNamespace, made: dict[str, str]) -> dict[str, str]:
    """Wait for the results of the pods, and return the error of each node that lacks an image."""
    give_up = time.monotonic() + TRY_SECONDS
    waiting, lacking = dict(made), {}
    while waiting and time.monotonic() < give_up:
        for name in list(waiting):
            said = _look(server.get(f"{room.path}/pods/{name}"))
            if said is not None:
                node = waiting.pop(name)
                if said:
                    lacking[node] = said
        if waiting:
            time.sleep(0.25)
    return lacking | dict.fromkeys(waiting.values(), f"no answer within {TRY_SECONDS:g} s")


def _pod(name: str, node: str, parcel: str, *, pulled: bool) -> dict[str, Any]:
    containers = [
        {
            "name": image.replace(":", "-").replace(".", "-"),
            "image": f"{parcel}:{image.partition(':')[2]}",
            "imagePullPolicy": "IfNotPresent" if pulled else "Never",
            "command": ["python3", "-I", "-S", "-c", "pass"],
            "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
        }
        for image in IMAGES
    ]
    spec: dict[str, Any] = {
        "containers": containers,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }
    if node:
        spec["nodeName"] = node
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"io.drydock.rehearsal": "images"}},
        "spec": spec,
    }


def _look(pod: dict[str, Any]) -> str | None:
    """Return a pod's result: empty when both images ran, None while it is not known."""
    statuses = pod["status"].get("containerStatuses") or []
    for each in statuses:
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _ABSENT:
            return f"{each['image']}: {waiting['reason']}"
        ended = (each.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            return (
                f"{each['image']}: {ended.get('message') or ended.get('reason') or 'it does not run there'}"
            )
    if pod["status"].get("phase") == "Failed":
        return str(pod["status"].get("message") or pod["status"].get("reason") or "the node refused it")
    done = [each for each in statuses if (each.get("state") or {}).get("terminated")]
    return "" if len(done) == len(IMAGES) else None


def _missing(context: str, lacking: dict[str, str], parcel: str, *, pulled: bool) -> LabError:
    where = ", ".join(node or "a node" for node in lacking)
    detail = "\n".join(f"{node or 'a node'}: {said}" for node, said in lacking.items())
    if pulled:
        push = "; ".join(
            f"docker tag drydock/{each} {parcel.rpartition('/')[0]}/{each}; docker push {parcel.rpartition('/')[0]}/{each}"
            for each in IMAGES
        )
        return LabError(
            f"The nodes of `{context}` cannot run {parcel}: {where}.",
            remedy=f"Push the images to that registry, and let the nodes pull from it: {push}",
            detail=detail,
        )
    return LabError(
        f"The lab's images are not in the cluster of `{context}`, and its nodes are not containers of this engine: {where}.",
        remedy="Name a registry that the nodes pull from: --image-prefix REGISTRY/NAME. Or load drydock/parcel:1.0 and "
        "drydock/parcel:2.0 into the nodes with the cluster's own tools, and start the lab again.",
        detail=detail,
    )
