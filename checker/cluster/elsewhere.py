"""Kubernetes on the learner's own cluster: only Parcel in the lab's namespace is looked at and touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.kubernetes import Kubernetes
from checker.cluster.kubernetes_api import Api, Refused
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from checker.cluster.interface import Instance
    from checker.cluster.kubernetes_records import Pod
    from checker.grading.author import Lab, Process
    from checker.scene.chosen import Kept

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Elsewhere(Kubernetes):
    """Parcel on the learner's own cluster.

    Args:
        lab: the lab.
        choice: the cluster and the namespace.
    """

    everywhere = ""
    # A name that no registry can have, so that a check never pulls an image.
    bad_image = "drydock.invalid/parcel:9.9"

    def __init__(self, lab: Lab, choice: Kept) -> None:
        super().__init__(lab)
        self.choice = choice
        self.api = Api(lab, choice)
        self.home = choice.namespace
        self.nodes = choice.nodes
        self.image = choice.parcel

    def listing(self, kind: str, query: str = "") -> str:
        """Return the path that lists things of a kind in the lab's namespace."""
        return f"/api/v1/namespaces/{self.home}/{kind}{query}"

    def lose(self, node: str) -> None:
        """Refuse: a node of the learner's own cluster is never touched."""
        could_not_run(f"{node} belongs to a cluster that is not the lab's, so no check kills it.")

    bring_back = lose

    def ailing(self) -> str:
        """Return nothing: a check never breaks a machine of the learner's own cluster."""
        return ""

    def crash(self, instance: Instance) -> None:
        """Refuse, for the same reason: this would happen on the node."""
        self.lose(instance.node)

    def processes(self, pod: Pod, container: str, port: int = 0) -> list[Process]:  # noqa: ARG002 - the same for all
        """Return nothing: nobody looks into machines of the learner's own cluster."""
        return []

    def may_touch_more(self) -> str:
        """Return what the lab's identity may change outside its namespace, of three examples; empty for nothing."""
        asked = (
            ("delete", "apps", "deployments", "kube-system"),
            ("patch", "", "nodes", ""),
            ("delete", "", "namespaces", ""),
        )
        for verb, group, resource, namespace in asked:
            attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
            body = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            }
            if self.api.send("POST", _REVIEW, body)["status"].get("allowed"):
                return f"{verb} {resource}" + (f" in {namespace}" if namespace else "")
        return ""

    def evict(self, pod: Pod) -> str:
        """Evict a pod, as `kubectl drain` evicts each of a node's; return why it was refused, empty when it was not."""
        path = self.listing("pods", f"/{pod.metadata.name}/eviction")
        metadata = {"name": pod.metadata.name, "namespace": pod.metadata.namespace}
        try:
            self.api.send("POST", path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
        except Refused as refused:
            return refused.message
        return ""
