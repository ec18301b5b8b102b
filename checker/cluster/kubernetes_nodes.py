"""A Kubernetes cluster's nodes: which are missing, not ready or closed to new pods, and how large they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.interface import tell_of_lost
from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import Nodes, quantity

if TYPE_CHECKING:
    from checker.cluster.kubernetes_api import Api
    from checker.cluster.kubernetes_records import Node
    from checker.grading.author import Lab

NODES = ("control-plane", "worker-1", "worker-2")

_OWN_TAINTS = "node.kubernetes.io/"
"""The prefix of the taints that the cluster itself sets and removes."""
_GIVEN_UP = "node.kubernetes.io/out-of-service"
"""The only taint with that prefix that people set, to give up a node that stays lost."""


class KubernetesNodes:
    """The nodes of the lab's Kubernetes.

    Args:
        lab: the lab.
        api: the API server.
    """

    nodes: tuple[str, ...] = NODES

    def __init__(self, lab: Lab, api: Api) -> None:
        self.lab = lab
        self.api = api

    def unready_nodes(self) -> list[str]:
        """Return the nodes that are missing from the cluster or not ready."""
        ready = {node.metadata.name for node in self._listed() if node.ready}
        return [name for name in self.nodes if name not in ready]

    def deleted_nodes(self) -> list[str]:
        """Return the nodes that the cluster does not list."""
        there = {node.metadata.name for node in self._listed()}
        return [name for name in self.nodes if name not in there]

    def ready_since(self, moment: str) -> list[str]:
        """Return the nodes that became ready after a time, as the API writes it; none if nodes may not be read."""
        try:
            found = self._listed()
        except Refused:
            return []
        return [node.metadata.name for node in found if node.ready_since > moment]

    def closed_nodes(self) -> list[Node]:
        """Return the nodes that accept no new pods: cordoned, or with a taint that the cluster did not set itself."""
        return [node for node in self._listed() if is_closed(node)]

    def terms(self) -> str:
        """Return what people have told the nodes about the pods that they may take: which are closed, and each one's labels."""
        told = [
            f"{node.metadata.name} {node.spec.unschedulable} {set_taints(node)} {sorted(node.metadata.labels.items())}"
            for node in self._listed()
        ]
        return "; ".join(sorted(told))

    def largest(self, resource: str) -> float:
        """Return how much of a resource the largest node has, in cores or bytes; 0 if nodes may not be read."""
        try:
            found = self._listed()
        except Refused:
            return 0.0
        return max((quantity(node.status.capacity.get(resource, "")) for node in found), default=0.0)

    def ailing(self) -> str:
        """Return what is wrong with the nodes: lost, not ready, or closed to new pods; empty when nothing is."""
        if lost := tell_of_lost(self.lab, self.nodes):
            return lost
        nodes = {node.metadata.name: node for node in self._listed()}
        late = [name for name in self.nodes if name not in nodes or not nodes[name].ready]
        closed = [name for name in self.nodes if name in nodes and is_closed(nodes[name])]
        if late:
            return (
                f"The cluster does not count {' and '.join(late)} as ready: `kubectl describe node` says why."
            )
        if closed:
            return f"{' and '.join(closed)} {'takes' if len(closed) == 1 else 'take'} no new pods: `kubectl describe node` says why."
        return ""

    def _listed(self) -> list[Node]:
        return list(self.api.read("/api/v1/nodes", Nodes).items)


def is_closed(node: Node) -> bool:
    """Whether a node is set to accept no new pods, or only some."""
    return node.spec.unschedulable or bool(set_taints(node))


def set_taints(node: Node) -> list[str]:
    """Return the taints of a node that the cluster did not set itself, as `kubectl describe node` writes them."""
    return [
        each.title
        for each in node.spec.taints
        if each.key == _GIVEN_UP or not each.key.startswith(_OWN_TAINTS)
    ]
