"""Kubernetes: Parcel's pods on a scene's three nodes, as checks see and break them."""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import TYPE_CHECKING, Any

from checker.cluster import trial
from checker.cluster.interface import (
    ENDED_MOST,
    ENDED_SECONDS,
    Instance,
    Order,
    lose_node,
    repository_of,
    start_node,
    tag_of,
)
from checker.cluster.kubernetes_api import MANAGER, Api, Refused
from checker.cluster.kubernetes_events import events
from checker.cluster.kubernetes_nodes import NODES, KubernetesNodes, set_taints
from checker.cluster.kubernetes_records import Pod, Pods, containers_of
from checker.cluster.kubernetes_workloads import (
    Workload,
    held_back,
    plural_of,
    waits_for_deletion,
    why_none,
    workload_of,
)
from checker.grading.author import Process, age, moment, wait_until
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from checker.cluster.kubernetes_events import About
    from checker.cluster.kubernetes_records import Container, ContainerStatus
    from checker.grading.author import Lab

__all__ = [
    "NODES",
    "NODE_GONE",
    "NO_IMAGE",
    "NO_START",
    "PROBE",
    "Kubernetes",
    "Workload",
    "held_back",
    "is_between_two_ends",
    "is_selected",
    "set_taints",
    "version_of",
    "waits_for_deletion",
]

IMAGE = "drydock/parcel"
PROBE = "io.drydock.rehearsal"
"""The label of pods that the checker created itself; they do not count as copies."""

PARTS = ("coredns", "metrics-server")
BACK_SECONDS = 90.0
UNDO_SECONDS = 120.0
"""How long copies may take to be ready again after a bad release: a probe may start only after 30 seconds."""

UNPLACED_SECONDS = 10.0
"""How long a copy must stay unschedulable until that counts: a place may become free after a moment."""

NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
"""The cluster's words for an image that a node has not and does not get."""

NO_START = {
    *NO_IMAGE,
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}
"""The cluster's words for a container that it cannot start, or starts again and again."""

NODE_GONE = 255
"""The exit code of a container that ended with its node."""

_LISTENS = (
    "sockets=$(cat /proc/$each/net/tcp /proc/$each/net/tcp6 | "
    'awk \'$4 == "0A" && $2 ~ /:%04X$/ {printf "%%ssocket:[[]%%s[]]", sep, $10; sep = "|"}\'); '
    'test -n "$sockets" && ls -l /proc/$each/fd | grep -qE "$sockets" || continue; '
)
"""In the shell of a node: leave out a process that does not listen at a port."""

_REVISION = "deployment.kubernetes.io/revision"
_UNREACHABLE = "node.kubernetes.io/unreachable"
_NOT_THE_CLUSTERS_OWN = "?fieldSelector=metadata.namespace%21%3Dkube-system"


class Kubernetes(KubernetesNodes):
    """Parcel on the lab's Kubernetes."""

    title = "Kubernetes"
    image = IMAGE
    """The name of Parcel's image, without a tag."""
    bad_image = "drydock/parcel:9.9"
    """An image that no node can have."""
    home = "default"
    """The toolbox's default namespace."""
    everywhere = " --all-namespaces"
    """The option that lists all namespaces in which checks look."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, Api(lab))
        self._among: tuple[str, Mapping[str, str]] | None = None

    # -- the interface -------------------------------------------------------------------------------------

    def instances(self) -> list[Instance]:
        """Return the pods that run Parcel and are not about to be deleted."""
        return [self._instance(pod) for pod in self.pods()]

    def shows(self) -> str:
        """Return the command that shows the learner the same."""
        spaces = {pod.metadata.namespace for pod in self.pods()}
        return "kubectl get pods --output wide" + (
            "" if spaces <= {self.home} else f" --namespace {min(spaces)}"
        )

    def unsteady(self) -> str:
        """Return which pod's container ends again and again; empty when all stay."""
        now = self.lab.engine.clock.now()
        for pod in self.pods():
            app = self.app(pod.spec.containers)
            for status in pod.status.container_statuses:
                if app and status.name == app.name and is_between_two_ends(status, now):
                    return f"{self._id(pod)} has ended {status.restart_count} times, and was restarted"
        return ""

    def orders(self) -> list[list[Order]]:
        """Return what each workload says of its pods; a Deployment also what it said before, as its ReplicaSets have it."""
        owners = {(pod.metadata.namespace, pod.metadata.owner): pod for pod in self.pods()}
        found = []
        for workload in dict.fromkeys(self.workload(pod) for pod in owners.values()):
            with contextlib.suppress(Refused):
                found.append([self._order(workload, spec) for spec in self._templates(workload)])
        return found

    def _templates(self, workload: Workload) -> list[dict[str, Any]]:
        """Return the pods' specs that a workload has, the newest first."""
        spec = self.api.get(workload.path)[0]["spec"]
        now = (spec.get("template") or {}).get("spec") or spec
        if workload.kind != "Deployment":
            return [now]
        # A Deployment that is paused has no ReplicaSet yet for what it says now.
        return [now, *(each["spec"]["template"]["spec"] for each in self.replica_sets(workload))]

    def replica_sets(self, workload: Workload) -> list[dict[str, Any]]:
        """Return the ReplicaSets of a Deployment, the newest first, as the API has them."""
        path = f"/apis/apps/v1/namespaces/{workload.namespace}/replicasets"
        own = [
            each
            for each in self.api.get(path)[0]["items"]
            if any(owner["name"] == workload.name for owner in each["metadata"].get("ownerReferences") or [])
        ]
        own.sort(key=lambda each: -int((each["metadata"].get("annotations") or {}).get(_REVISION, 0)))
        return own

    def _order(self, workload: Workload, spec: dict[str, Any]) -> Order:
        app = self.app(containers_of(spec))
        told = [each for each in spec.get("containers") or [] if app and each["name"] == app.name]
        names: list[str] = []
        for source in (each for container in told for each in container.get("envFrom") or []):
            for kind, thing in trial.refers_to(source):
                with contextlib.suppress(Refused):
                    kept = self.api.get(f"/api/v1/namespaces/{workload.namespace}/{kind}/{thing}")[0]
                    names += [f"{source.get('prefix', '')}{name}" for name in kept.get("data") or {}]
        where = "" if workload.namespace == self.home else f" --namespace {workload.namespace}"
        source = f"kubectl describe {workload.title}{where}"
        return Order(version_of(app.image) if app else "", json.dumps([told, names]), source)

    def crash(self, instance: Instance) -> None:
        """Kill the main process of a pod's container, from its node."""
        pod = next((each for each in self.pods() if self._id(each) == instance.id), None)
        if pod is None or not pod.status.container_statuses:
            could_not_run(f"The pod {instance.id} disappeared during the check.")
        task = pod.status.container_statuses[0].container_id.rpartition("/")[2]
        self.lab.node(instance.node).exec(f"ctr --namespace k8s.io tasks kill --signal KILL {task}")

    def processes(self, pod: Pod, container: str, port: int = 0) -> list[Process]:
        """Return a container's processes, as its node has them, without their parents and the kernel's names for them.

        Args:
            pod: the pod.
            container: the container's name.
            port: the port at which they listen; all processes count, when left out.
        """
        there = (*pod.status.container_statuses, *pod.status.init_container_statuses)
        task = next((each.container_id for each in there if each.name == container), "").rpartition("/")[2]
        said = self.lab.node(pod.spec.node_name).exec(
            f"for each in $(ctr --namespace k8s.io tasks ps {task} | awk 'NR > 1 {{print $1}}'); do "
            + (_LISTENS % port if port else "")
            + "printf '%s\\t%s\\t' $each \"$(readlink /proc/$each/cwd)\"; tr '\\0\\n' '\\t ' < /proc/$each/cmdline; echo; done"
        )
        # A command may have a carriage return or a line separator in it.
        rows = (line.split("\t") for line in said.stdout.split("\n") if line.count("\t") > 1)
        return [
            Process(int(number), 0, "", folder, tuple(word for word in words if word))
            for number, folder, *words in rows
            if any(words)
        ]

    def lose(self, node: str) -> None:
        """Kill a node."""
        lose_node(self.lab, node)

    def bring_back(self, node: str) -> None:
        """Start a lost node; it is healthy when the cluster counts it as ready."""
        start_node(self.lab, node, BACK_SECONDS)

    # -- beyond the interface ------------------------------------------------------------------------------

    def pods(self) -> list[Pod]:
        """Return the pods behind the instances."""
        found = self.api.read(self.listing("pods", _NOT_THE_CLUSTERS_OWN), Pods).items
        return [pod for pod in found if self._is_copy(pod)]

    def narrow(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Count only the pods of a namespace with these labels as copies from now on; others are not behind the service."""
        self._among = (namespace, labels)

    def listing(self, kind: str, query: str = "") -> str:
        """Return the path that lists objects of a kind, in every namespace in which checks look."""
        return f"/api/v1/{kind}{query}"

    def is_parcel(self, image: str) -> bool:
        """Whether an image is Parcel's, whatever its tag; the bad release counts, although no registry has its name."""
        return image == self.bad_image or repository_of(image) == self.image

    def app(self, containers: Sequence[Container]) -> Container | None:
        """Return the container that runs Parcel, None when none does: a helper may use its image for something else."""
        found = [each for each in containers if self.is_parcel(each.image)]
        return next((each for each in found if _runs_parcel(each)), found[0] if found else None)

    def in_kube_system(self) -> list[Pod]:
        """Return the pods that run Parcel in `kube-system`; they do not count as copies."""
        try:
            found = self.api.read("/api/v1/namespaces/kube-system/pods", Pods).items
        except Refused:
            return []
        return [pod for pod in found if self._image(pod)]

    def missing_parts(self) -> dict[str, str]:
        """Return the cluster's own parts that do not run because somebody changed them, and how each is."""
        there = self.api.get("/apis/apps/v1/namespaces/kube-system/deployments")[0]["items"]
        made = {each["metadata"]["name"]: each for each in there if each["spec"].get("replicas")}
        found = {name: "gone, or scaled to 0" for name in PARTS if name not in made}
        idle = [
            name for name in PARTS if name in made and not made[name].get("status", {}).get("readyReplicas")
        ]
        if idle:
            for pod in self.api.read("/api/v1/namespaces/kube-system/pods", Pods).items:
                # Others, such as a crash, may be over in a moment.
                if pod.trouble in {*NO_IMAGE, "CreateContainerConfigError"}:
                    found |= {name: pod.trouble for name in idle if pod.metadata.name.startswith(name)}
        return found

    def last_failure(self) -> str:
        """Return the cluster's last message about copies that it could not create; empty when there is none."""
        said = events(self.api, self.listing("events"), "reason=FailedCreate")
        return next((each.text for each in said if self._makes_copies(each.involved_object)), "")

    def _makes_copies(self, about: About) -> bool:
        """Whether what an event is about still exists and makes copies: the cluster remembers events for an hour."""
        version = about.api_version or "apps/v1"
        plural = plural_of(self.api, version, about.kind)
        thing = Workload(about.kind, about.namespace, about.name, version, plural)
        try:
            found = self.api.get(thing.path)[0]
        except Refused:
            return False
        made_of = ((found.get("spec") or {}).get("template") or {}).get("spec") or {}
        return found["metadata"]["uid"] == about.uid and self.app(containers_of(made_of)) is not None

    def idle(self) -> list[tuple[str, str]]:
        """Return the Deployments that would make copies and make none: as kubectl names them, and why."""
        path = self.listing("deployments").replace("/api/v1", "/apis/apps/v1", 1)
        try:
            there = self.api.get(path)[0]["items"]
        except Refused:
            return []
        found = []
        for each in there:
            spec = each["spec"]
            app = self.app(containers_of(spec["template"]["spec"]))
            if each["metadata"]["namespace"] != "kube-system" and app is not None:
                found.append((f"deployment/{each['metadata']['name']}", why_none(spec)))
        return found

    def misnamed(self) -> list[Pod]:
        """Return the pods that wait for an image which is not Parcel's, such as `parcel:1.0` without `drydock/`."""
        found = self.api.read(self.listing("pods", _NOT_THE_CLUSTERS_OWN), Pods).items
        return [
            pod
            for pod in found
            if not pod.metadata.deletion_timestamp and pod.trouble in NO_IMAGE and not self._image(pod)
        ]

    def workload(self, pod: Pod) -> Workload:
        """Return what looks after a pod, at the top of the chain."""
        return workload_of(self.api, pod)

    def terms(self) -> str:
        """Return what decides whether a lost copy is replaced: what looks after the pods, and what nodes were told to take."""
        # Pods of one owner have the same above it.
        of_each = {
            (pod.metadata.namespace, pod.metadata.owner or pod.metadata.name): pod for pod in self.pods()
        }
        return "; ".join([*sorted({self.workload(pod).title for pod in of_each.values()}), super().terms()])

    def release(self, workload: Workload, image: str, pods: Sequence[Pod] = ()) -> None:
        """Make a workload run another image, as `kubectl set image` does.

        Args:
            workload: what creates the pods.
            image: the image.
            pods: the workload's pods. When the workload does not replace them by itself, the first is deleted: its
                replacement runs the new image, which is how such kinds are updated.
        """
        container = self.app(containers_of(self.api.get(workload.path)[0]["spec"]["template"]["spec"]))
        if container is None:
            could_not_run(f"{workload.title} no longer creates copies of Parcel.")
        self.api.merge(workload.path, _with_image(container.name, image))
        if pods and waits_for_deletion(workload.kind, self.api.get(workload.path)[0]["spec"]):
            found = pods[0].metadata
            self.api.send("DELETE", f"/api/v1/namespaces/{found.namespace}/pods/{found.name}")

    def undo(self, workload: Workload, container: str, image: str, wanted: int) -> bool:
        """Restore a workload's old image; return whether as many copies as before are ready, and none has the bad one."""
        self.api.merge(workload.path, _with_image(container, image))
        self._forget_manager(workload)
        by_hand = workload.kind not in {"Deployment", "DaemonSet"} or waits_for_deletion(
            workload.kind, self.api.get(workload.path)[0]["spec"]
        )

        def is_settled() -> bool:
            pods = self.pods()
            bad = [pod for pod in pods if self._image(pod) == self.bad_image]
            # A StatefulSet waits for a pod that can never start, and some kinds replace no pod: the checker removes it.
            for pod in bad if by_hand else ():
                self.delete(pod)
            # Not all: one that was not ready before is not the release's.
            return not bad and sum(pod.ready for pod in pods) >= wanted

        return wait_until(is_settled, UNDO_SECONDS, every=0.2)

    def has_reached(self, image: str) -> bool:
        """Whether the spec of any copy has an image."""
        return any(self._image(pod) == image for pod in self.pods())

    def why_not_replaced(self, victim: str, within: float = math.inf) -> Callable[[], str]:
        """Return a function that says, after a node was lost, why waiting for new copies is useless.

        Args:
            victim: the node that was lost.
            within: seconds in which copies must be replaced; pods that tolerate a lost node longer are not waited for.

        Returns:
            A function to be called repeatedly; it returns the reason, or "" while the cluster may still succeed.
        """
        unplaced: dict[str, float] = {}

        def why() -> str:
            pods = self.pods()
            waiting = {pod.metadata.uid: pod for pod in pods if pod.unschedulable}
            for uid in unplaced.keys() - waiting.keys():
                del unplaced[uid]
            for uid, pod in waiting.items():
                since = unplaced.setdefault(uid, time.monotonic())
                if time.monotonic() - since >= UNPLACED_SECONDS:
                    return (
                        f"{victim} was lost, and of the copies that replace those on it, {pod.metadata.name} finds no "
                        f"node: {pod.unschedulable} Which line of your pod causes that?"
                    )
            bound = [pod for pod in pods if pod.spec.node_name == victim and stay(pod) >= within]
            # Kubernetes makes all pods of a DaemonSet tolerate lost nodes; the learner did not choose that.
            bound = [
                pod for pod in bound if pod.metadata.owner is None or pod.metadata.owner.kind != "DaemonSet"
            ]
            if bound and victim in self.unready_nodes():
                longest = max(stay(pod) for pod in bound)
                return (
                    f"{victim} was lost with {len(bound)} of the copies, and not all of them run elsewhere"
                    + (
                        ", and never will: these pods tolerate a lost node for as long as it is lost."
                        if longest == math.inf
                        else f": these pods tolerate a lost node for {longest:g} s, and only then are they replaced."
                    )
                )
            return ""

        return why

    @staticmethod
    def outstays(pod: Pod) -> bool:
        """Whether a pod tolerates a lost node indefinitely."""
        return stay(pod) == math.inf

    def delete(self, pod: Pod) -> None:
        """Delete a pod at once, without a grace period."""
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"
        with contextlib.suppress(Refused):
            self.api.send("DELETE", f"{path}?gracePeriodSeconds=0")

    def _forget_manager(self, workload: Workload) -> None:
        """Remove the checker from the managers of a workload's fields: managers refuse each other's changes."""
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
        """Return the image of the container that runs Parcel; empty when none does."""
        container = self.app(pod.spec.containers)
        return container.image if container else ""

    def _id(self, pod: Pod) -> str:
        space = pod.metadata.namespace
        return pod.metadata.name if space == self.home else f"{space}/{pod.metadata.name}"

    def _instance(self, pod: Pod) -> Instance:
        image = self._image(pod)
        return Instance(
            id=self._id(pod), node=pod.spec.node_name, version=version_of(image), ready=pod.ready, image=image
        )


def version_of(image: str) -> str:
    """Return the tag of an image, such as `2.0`."""
    return tag_of(image) or "latest"


def _runs_parcel(container: Container) -> bool:
    """Whether a container of Parcel's image runs Parcel: by itself, or because its command says so."""
    told = " ".join([*container.command, *container.args])
    return not told or "parcel.py" in told


def is_selected(pod: Pod, namespace: str, labels: Mapping[str, str]) -> bool:
    """Whether a selector of a namespace finds a pod; one without labels finds none."""
    return (
        bool(labels) and pod.metadata.namespace == namespace and labels.items() <= pod.metadata.labels.items()
    )


def stay(pod: Pod) -> float:
    """Return how many seconds a pod stays on a lost node, by the shortest of its tolerations.

    Args:
        pod: the pod.

    Returns:
        The seconds after the cluster counts the node as lost; infinity if the pod tolerates it indefinitely.
    """
    of_a_loss = [
        each.toleration_seconds
        for each in pod.spec.tolerations
        if each.effect in {"", "NoExecute"}
        and (each.key == _UNREACHABLE or (not each.key and each.operator == "Exists"))
    ]
    if not of_a_loss:
        return 0
    return min((max(each, 0) for each in of_a_loss if each is not None), default=math.inf)


def _with_image(container: str, image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}}


def is_between_two_ends(status: ContainerStatus, now: float) -> bool:
    """Whether a container was started again more than once, and has not yet run much longer than the last time.

    Args:
        status: its status.
        now: the time by the nodes' clock, in seconds since 1970.
    """
    running, last = status.state.running, status.last_state.terminated
    if status.restart_count < ENDED_MOST or not (running and last) or last.exit_code == NODE_GONE:
        return False
    lasted = moment(last.finished_at or "") - moment(last.started_at or "")
    return lasted < ENDED_SECONDS and age(running.started_at or "", now) < 2 * lasted + 10
