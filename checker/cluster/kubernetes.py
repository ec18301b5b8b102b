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

_PODS = "/api/v1/pods?fieldSelector=metadata.namespace%21%3Dkube-system"


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
    nodes = NODES

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.api = Api(lab)

    # -- the seam ------------------------------------------------------------------------------------------

    def instances(self) -> list[Instance]:
        """Return the pods that run Parcel and are not about to go."""
        return [_instance(pod) for pod in self.pods()]

    def shows(self) -> str:
        """Return the command that shows the learner the same."""
        spaces = {pod.metadata.namespace for pod in self.pods()}
        return "kubectl get pods --output wide" + (
            "" if spaces <= {"default"} else f" --namespace {min(spaces)}"
        )

    def crash(self, instance: Instance) -> None:
        """Kill the main process of a pod's container, from its node."""
        pod = next((each for each in self.pods() if _id(each) == instance.id), None)
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
        found = self.api.read(_PODS, Pods).items
        return [pod for pod in found if _is_copy(pod)]

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
        path = "/api/v1/events?fieldSelector=reason%3DFailedCreate"
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
                if workload.kind == "StatefulSet" and not _runs(pod, image) and not pod.ready:
                    self.delete(pod)
            return len(pods) >= wanted and all(pod.ready and _runs(pod, image) for pod in pods)

        return wait_until(is_settled, UNDO_SECONDS, every=0.2)

    def delete(self, pod: Pod) -> None:
        """Delete a pod, without patience."""
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"
        with contextlib.suppress(Refused):
            self.api.send("DELETE", f"{path}?gracePeriodSeconds=0")

    def _container(self, workload: Workload) -> dict[str, Any]:
        containers = self.api.get(workload.path)[0]["spec"]["template"]["spec"]["containers"]
        return next(each for each in containers if _repository(each["image"]) == IMAGE)

    def _forget_manager(self, workload: Workload) -> None:
        """Leave no sign of the checker among the managers of a workload's fields: they refuse each other's changes."""
        fields = self.api.get(workload.path)[0]["metadata"].get("managedFields", [])
        kept = [each for each in fields if each.get("manager") != MANAGER]
        if len(kept) < len(fields):
            change = [{"op": "replace", "path": "/metadata/managedFields", "value": kept}]
            with contextlib.suppress(Refused):
                self.api.send("PATCH", workload.path, change, "application/json-patch+json")


def _with_image(container: str, image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}}


def _is_copy(pod: Pod) -> bool:
    return (
        not pod.metadata.deletion_timestamp
        and pod.status.phase in {"Pending", "Running", "Unknown", ""}
        and PROBE not in pod.metadata.labels
        and bool(_image(pod))
    )


def _image(pod: Pod) -> str:
    """Return the image of the container that is Parcel; empty when none is."""
    return next((each.image for each in pod.spec.containers if _repository(each.image) == IMAGE), "")


def _repository(image: str) -> str:
    """Return an image's name without registry, tag and digest."""
    name = image.partition("@")[0]
    head, _, tail = name.rpartition("/")
    name = f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]
    return name.removeprefix("docker.io/")


def _runs(pod: Pod, image: str) -> bool:
    return _image(pod) == image


def _id(pod: Pod) -> str:
    space = pod.metadata.namespace
    return pod.metadata.name if space == "default" else f"{space}/{pod.metadata.name}"


def _instance(pod: Pod) -> Instance:
    image = _image(pod)
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    return Instance(
        id=_id(pod), node=pod.spec.node_name, version=tag or "latest", ready=pod.ready, image=image
    )
