"""Kubernetes: Parcel's pods on a scene's three nodes, as checks see them and break them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.cluster.kube import MANAGER, Api, Nodes, Pod, Pods, Refused
from checker.cluster.model import Instance, lose_node, start_node
from checker.grading.author import wait_until
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.grading.author import Lab

NODES = ("control-plane", "worker-1", "worker-2")
IMAGE = "drydock/parcel"
PROBE = "io.drydock.rehearsal"
"""The label of pods that the checker made itself; they are nobody's copies."""

GROUPS = {
    "Deployment": "apps",
    "ReplicaSet": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "Job": "batch",
}
PARTS = ("coredns", "metrics-server")
BACK_SECONDS = 90.0
UNDO_SECONDS = 60.0

_NOT_THE_CLUSTERS_OWN = "?fieldSelector=metadata.namespace%21%3Dkube-system"


@dataclass(frozen=True)
class Workload:
    """What looks after pods, such as a Deployment.

    Args:
        kind: its kind; `Pod` when nothing looks after them.
        namespace: where it is.
        name: its name.
    """

    kind: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Its place in the API."""
        if self.kind == "Pod":
            return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        group = GROUPS.get(self.kind, "apps")
        return f"/apis/{group}/v1/namespaces/{self.namespace}/{self.kind.lower()}s/{self.name}"

    @property
    def title(self) -> str:
        """As kubectl names it: `deployment/parcel`."""
        return f"{self.kind.lower()}/{self.name}"


class Kubernetes:
    """Parcel on the lab's Kubernetes."""

    title = "Kubernetes"
    nodes: tuple[str, ...] = NODES
    image = IMAGE
    """The name of Parcel's image, without a tag."""
    bad_image = "drydock/parcel:9.9"
    """An image that no node can have."""
    home = "default"
    """The namespace that the toolbox is in."""
    everywhere = " --all-namespaces"
    """The option that lists what is in all namespaces that are looked at."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.api = Api(lab)
        self._among: tuple[str, Mapping[str, str]] | None = None

    # -- the seam ------------------------------------------------------------------------------------------

    def instances(self) -> list[Instance]:
        """Return the pods that run Parcel and are not about to go."""
        return [self._instance(pod) for pod in self.pods()]

    def shows(self) -> str:
        """Return the command that shows the learner the same."""
        spaces = {pod.metadata.namespace for pod in self.pods()}
        return "kubectl get pods --output wide" + (
            "" if spaces <= {self.home} else f" --namespace {min(spaces)}"
        )

    def crash(self, instance: Instance) -> None:
        """Kill the main process of a pod's container, from its node."""
        pod = next((each for each in self.pods() if self._id(each) == instance.id), None)
        if pod is None or not pod.status.container_statuses:
            could_not_run(f"The pod {instance.id} went away while it was looked at.")
        task = pod.status.container_statuses[0].container_id.rpartition("/")[2]
        self.lab.node(instance.node).exec(f"ctr --namespace k8s.io tasks kill --signal KILL {task}")

    def lose(self, node: str) -> None:
        """Kill a node."""
        lose_node(self.lab, node)

    def bring_back(self, node: str) -> None:
        """Start a lost node; its health is that the cluster counts it as ready."""
        start_node(self.lab, node, BACK_SECONDS)

    # -- more than the seam --------------------------------------------------------------------------------

    def pods(self) -> list[Pod]:
        """Return the pods behind the instances."""
        found = self.api.read(self.listing("pods", _NOT_THE_CLUSTERS_OWN), Pods).items
        return [pod for pod in found if self._is_copy(pod)]

    def narrow(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Take only the pods of a namespace with these labels for copies from now on; what else runs Parcel is beside the service."""
        self._among = (namespace, labels)

    def listing(self, kind: str, query: str = "") -> str:
        """Return the path that lists things of a kind, in every namespace that is looked at."""
        return f"/api/v1/{kind}{query}"

    def is_parcel(self, image: str) -> bool:
        """Whether an image is Parcel's, whatever its tag."""
        return _repository(image) == self.image

    def unready_nodes(self) -> list[str]:
        """Return the nodes that the cluster lacks or does not count as ready."""
        ready = {node.metadata.name for node in self.api.read("/api/v1/nodes", Nodes).items if node.ready}
        return [name for name in self.nodes if name not in ready]

    def cordoned_nodes(self) -> list[str]:
        """Return the nodes that take no new pods because somebody said so."""
        found = self.api.read("/api/v1/nodes", Nodes).items
        return [node.metadata.name for node in found if node.spec.unschedulable]

    def missing_parts(self) -> list[str]:
        """Return the cluster's own parts that are not there, or are told to have no pod."""
        there = self.api.get("/apis/apps/v1/namespaces/kube-system/deployments")[0]["items"]
        names = {each["metadata"]["name"] for each in there if each["spec"].get("replicas")}
        return [name for name in PARTS if name not in names]

    def last_failure(self) -> str:
        """Return what the cluster last said of pods that it could not make; empty when it could."""
        path = self.listing("events", "?fieldSelector=reason%3DFailedCreate")
        events = self.api.get(path)[0]["items"]
        last = max(events, key=lambda each: str(each.get("lastTimestamp") or ""), default=None)
        return " ".join(str(last["message"]).split()) if last else ""

    def workload(self, pod: Pod) -> Workload:
        """Return what looks after a pod, at the top of the chain."""
        space = pod.metadata.namespace
        owner = pod.metadata.owner
        if owner is None:
            return Workload("Pod", space, pod.metadata.name)
        found = Workload(owner.kind, space, owner.name)
        if owner.kind != "ReplicaSet":
            return found
        with contextlib.suppress(Refused):
            above = self.api.read(found.path, Pod).metadata.owner
            if above is not None:
                return Workload(above.kind, space, above.name)
        return found

    def release(self, workload: Workload, image: str) -> None:
        """Tell a workload to run another image, as `kubectl set image` does."""
        container = self._container(workload)
        self.api.merge(workload.path, _with_image(container["name"], image))

    def undo(self, workload: Workload, container: str, image: str, wanted: int) -> bool:
        """Give a workload its old image back, and return whether as many copies as before are ready with it."""
        self.api.merge(workload.path, _with_image(container, image))
        self._forget_manager(workload)

        def is_settled() -> bool:
            pods = self.pods()
            for pod in pods:
                # A StatefulSet waits for a pod that can never start; somebody has to remove it.
                if workload.kind == "StatefulSet" and self._image(pod) != image and not pod.ready:
                    self.delete(pod)
            return len(pods) >= wanted and all(pod.ready and self._image(pod) == image for pod in pods)

        return wait_until(is_settled, UNDO_SECONDS, every=0.2)

    def delete(self, pod: Pod) -> None:
        """Delete a pod, without patience."""
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"
        with contextlib.suppress(Refused):
            self.api.send("DELETE", f"{path}?gracePeriodSeconds=0")

    def _container(self, workload: Workload) -> dict[str, Any]:
        containers = self.api.get(workload.path)[0]["spec"]["template"]["spec"]["containers"]
        return next(each for each in containers if self.is_parcel(each["image"]))

    def _forget_manager(self, workload: Workload) -> None:
        """Leave no sign of the checker among the managers of a workload's fields: they refuse each other's changes."""
        fields = self.api.get(workload.path)[0]["metadata"].get("managedFields", [])
        kept = [each for each in fields if each.get("manager") != MANAGER]
        if len(kept) < len(fields):
            change = [{"op": "replace", "path": "/metadata/managedFields", "value": kept}]
            with contextlib.suppress(Refused):
                self.api.send("PATCH", workload.path, change, "application/json-patch+json")

    def _is_copy(self, pod: Pod) -> bool:
        return (
            not pod.metadata.deletion_timestamp
            and pod.status.phase in {"Pending", "Running", "Unknown", ""}
            and PROBE not in pod.metadata.labels
            and bool(self._image(pod))
            and (self._among is None or is_selected(pod, *self._among))
        )

    def _image(self, pod: Pod) -> str:
        """Return the image of the container that is Parcel; empty when none is."""
        return next((each.image for each in pod.spec.containers if self.is_parcel(each.image)), "")

    def _id(self, pod: Pod) -> str:
        space = pod.metadata.namespace
        return pod.metadata.name if space == self.home else f"{space}/{pod.metadata.name}"

    def _instance(self, pod: Pod) -> Instance:
        image = self._image(pod)
        tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
        return Instance(
            id=self._id(pod), node=pod.spec.node_name, version=tag or "latest", ready=pod.ready, image=image
        )


def is_selected(pod: Pod, namespace: str, labels: Mapping[str, str]) -> bool:
    """Whether a selector of a namespace finds a pod; one without labels finds none."""
    return (
        bool(labels) and pod.metadata.namespace == namespace and labels.items() <= pod.metadata.labels.items()
    )


def _with_image(container: str, image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}}


def _repository(image: str) -> str:
    """Return an image's name without registry, tag and digest."""
    name = image.partition("@")[0]
    head, _, tail = name.rpartition("/")
    name = f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]
    return name.removeprefix("docker.io/")
