"""How large a cluster a class needs: the arithmetic from what was measured, for one seat and for thousands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from checker.classroom.hub.manifests import CORES_LEAST, REST_MEMORY, STARTING, seat_memory
from checker.classroom.hub.people import MOST
from checker.engine.capacity import GB, MB
from checker.errors import MisuseError

if TYPE_CHECKING:
    from checker.classroom.plan import Plan

MOST_PODS = 100
"""Seats on one node at most: Kubernetes is tested with 110 pods on a node, and a node has pods of its own
(kubernetes.io, Considerations for large clusters)."""

MOST_NODES = 5_000
"""Nodes in one cluster at most (same page)."""

MOST_SEATS = MOST
"""Seats of one hub at most. JupyterHub's developers: launches at the same time in the hundreds, active users in the
thousands, above 5,000 not without several hubs (jupyterhub/binderhub#465, kubeflow/kubeflow#1630). A fifth of that
leaves room for a class that comes through the door at once."""

SEAT_SECONDS = 15.0
"""From the click to JupyterLab on a node that has the image: 7.5 and 8.1 s measured on two busy cores (2026-11), doubled."""

WIRE_SHARE = 0.8
"""How much of a connection's figure arrives as data."""


class Node(msgspec.Struct, frozen=True):
    """A machine of the cluster: cores, bytes of memory, and bytes of disk for volumes and images."""

    cores: int
    memory: int
    disk: int

    @property
    def free_memory(self) -> float:
        """Bytes that pods can have. Reserved are 330 MiB and 5 %, and 100 MiB to evict at (Google Distributed Cloud's figures)."""
        return self.memory * 0.95 - 430 * 1024**2

    @property
    def free_cores(self) -> float:
        """Cores that pods can have; 80 millicores and 1 % are reserved (same source)."""
        return self.cores * 0.99 - 0.08


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster for a class. Sizes are in bytes."""

    seats: int
    seat_memory: int
    seat_disk: int
    by_memory: int
    """Seats that fit on a node by memory, and so on."""
    by_cores: int
    by_disk: int
    seats_a_node: int
    hubs: int
    nodes: int
    """With one more than is filled, so that a lost node's seats have a place."""
    registry: int
    """Bytes that the registry sends if every seat fetches every image once."""
    registry_minutes: float
    seating_minutes: float
    """Until the last learner has a seat, if all sign in at once."""
    cost: float


def node_of(text: str) -> Node:
    """Return the node that `CORES:MEMORY:DISK` means, with sizes in GB.

    Raises:
        MisuseError: it is written otherwise.
    """
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdecimal() and int(part) for part in parts):
        raise MisuseError(
            f"`{text}` is not a node.",
            remedy="Write its cores, and GB of memory and disk: --node 16:64:500",
        )
    return Node(int(parts[0]), int(parts[1]) * GB, int(parts[2]) * GB)


def scale(plan: Plan, node: Node, *, hours: float, price: float) -> Scale:
    """Return what a class of a plan's size needs of a cluster.

    Args:
        plan: the plan for the learners and labs.
        node: one machine of the cluster.
        hours: how long it is rented.
        price: of one node for one hour, in any currency.

    Raises:
        MisuseError: not one seat fits on a node, or one cluster cannot have so many nodes.
    """
    memory = seat_memory(plan)
    by = (
        math.floor(node.free_memory / memory),
        math.floor(node.free_cores / CORES_LEAST),
        math.floor(node.disk / plan.disk),
    )
    fit = min(*by, MOST_PODS)
    if fit < 1:
        raise MisuseError(
            f"Not one seat fits on such a node: it needs {memory / GB:.1f} GB of memory and {plan.disk / GB:.1f} GB of disk.",
            remedy="Take larger nodes, or fewer labs.",
        )
    hubs = math.ceil(plan.learners / MOST_SEATS)
    rest = math.ceil(hubs * REST_MEMORY / node.free_memory)
    nodes = math.ceil(plan.learners / fit) + rest + 1
    if nodes > MOST_NODES:
        raise MisuseError(
            f"{nodes} nodes are needed, and a cluster has {MOST_NODES} at most.",
            remedy="Take larger nodes, or several clusters.",
        )
    return Scale(
        seats=plan.learners,
        seat_memory=memory,
        seat_disk=plan.disk,
        by_memory=by[0],
        by_cores=by[1],
        by_disk=by[2],
        seats_a_node=fit,
        hubs=hubs,
        nodes=nodes,
        registry=plan.download,
        registry_minutes=round(plan.download * 8 / hubs / (plan.link_mbit * 1e6 * WIRE_SHARE) / 60, 1),
        seating_minutes=round(plan.learners / hubs / STARTING * SEAT_SECONDS / 60, 1),
        cost=round(nodes * hours * price, 2),
    )


def lines(found: Scale, node: Node, *, hours: float, price: float, link_mbit: float) -> list[str]:
    """Return a scale as lines, each figure with what it comes from."""
    several = (
        f"{found.hubs} hubs, each with a namespace, a board and a registry" if found.hubs > 1 else "one hub"
    )
    return [
        "",
        f"On a cluster of nodes with {node.cores} cores, {node.memory / GB:.0f} GB of memory and {node.disk / GB:.0f} GB of disk:",
        f"A seat: {found.seat_memory / MB:.0f} MB of memory, {CORES_LEAST:g} cores at least, {found.seat_disk / GB:.1f} GB of disk.",
        (
            f"A node: {found.seats_a_node} seats (by memory {found.by_memory}, by cores {found.by_cores}, by disk {found.by_disk}, "
            f"and {MOST_PODS} at most)."
        ),
        f"The cluster: {found.nodes} nodes for {found.seats} seats and {several}, one node of them to spare.",
        f"The registries send {found.registry / GB:.0f} GB, {found.registry_minutes:g} minutes at {link_mbit:g} Mbit/s for each.",
        f"If all sign in at once, the last one has a seat after {found.seating_minutes:g} minutes ({STARTING} start at a time).",
        f"{found.nodes} nodes for {hours:g} hours at {price:g} an hour: {found.cost:,.2f}.",
    ]
