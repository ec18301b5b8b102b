"""Parcel on the cluster, as the learner made it: its pods, what looks after them, and the way to them."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kubernetes import held_back, is_selected, waits_for_deletion
from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import Container, ContainerStatus, Pod, Pods, Service, Services
from checker.grading.author import Reasons, could_not_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.cluster.kubernetes import Kubernetes, Workload
    from checker.cluster.kubernetes_records import ServicePort

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

NODE_PORT = 30080
LISTENS = 8080
"""Parcel's port inside."""

_MADE_BY, _CONTROLLER = "endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"


class Parcel:
    """The learner's Parcel; what was read once is kept for the run."""

    def __init__(self, cluster: Kubernetes) -> None:
        self.cluster = cluster
        self._owners: dict[str, Workload] = {}

    @functools.cached_property
    def pods(self) -> list[Pod]:
        """Its pods."""
        return self.look()

    looked_at = 0.0
    """When its pods were looked at last, in seconds since 1970."""

    beside = 0
    """How many pods run Parcel and are not the service's, such as those of the old version in a blue-green release."""

    def look(self) -> list[Pod]:
        """Look at its pods again: those that the service leads to, or all as long as it leads to none."""
        self.looked_at = time.time()
        found = self.cluster.pods()
        if self.beside or not found:
            return found
        self.__dict__.pop("service", None)
        if self.service is None:
            return found
        space, selector = self.service.metadata.namespace, self.service.spec.selector
        led = [pod for pod in found if is_selected(pod, space, selector)]
        if not led or len(led) == len(found):
            return found
        self.beside = len(found) - len(led)
        self.cluster.narrow(space, selector)
        return led

    @functools.cached_property
    def workloads(self) -> list[Workload]:
        """What looks after its pods: everything that makes pods which users meet, that with the most of them first."""
        counted = Counter(self.owner(pod) for pod in self.pods)
        if not counted:
            could_not_run("All copies went away while they were looked at.")
        return [workload for workload, _ in counted.most_common()]

    def pods_of(self, workload: Workload) -> list[Pod]:
        """Return the pods that a workload looks after."""
        return [pod for pod in self.pods if self.owner(pod) == workload]

    def owner(self, pod: Pod) -> Workload:
        """Return what looks after a pod; asked once for each."""
        uid = pod.metadata.uid
        if uid not in self._owners:
            self._owners[uid] = self.cluster.workload(pod)
        return self._owners[uid]

    @functools.cached_property
    def _things(self) -> dict[Workload, dict[str, Any]]:
        return {workload: self._thing(workload) for workload in self.workloads}

    def _thing(self, workload: Workload) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.cluster.api.get(workload.path)[0]
        except Refused as refused:
            could_not_run(f"{workload.title} cannot be looked at: {refused.message}.")
        return found

    def refused(self, workload: Workload) -> str:
        """Return why the cluster refuses to make copies that a workload wants; empty when it does not."""
        status = self._things[workload].get("status") or {}
        return next(
            (
                " ".join(str(each.get("message", "")).split())
                for each in status.get("conditions") or []
                if (each.get("type"), each.get("status")) == ("ReplicaFailure", "True")
            ),
            "",
        )

    def spec(self, workload: Workload) -> dict[str, Any]:
        """Return what a workload was told."""
        spec: dict[str, Any] = self._things[workload]["spec"]
        return spec

    def template(self, workload: Workload) -> dict[str, Any]:
        """Return what a workload makes pods of."""
        found: dict[str, Any] | None = self.spec(workload).get("template")
        if not found:
            could_not_run(
                f"{workload.title} has no pod template of the usual form, so no copy can be made after it."
            )
        return found

    def made_of(self, workload: Workload) -> Container | None:
        """Return the container of Parcel in what a workload makes pods of; None when it makes no copies of Parcel."""
        containers = self.template(workload)["spec"].get("containers") or []
        return self.cluster.app(msgspec.convert(containers, list[Container], strict=False))

    def outdated(self, workload: Workload, asked: Callable[[Container], object]) -> list[Pod]:
        """Return the pods that a workload made before it was changed, and does not replace by itself.

        Args:
            workload: the workload.
            asked: what of a container counts.
        """
        spec, made = self.spec(workload), self.made_of(workload)
        if made is None or not (waits_for_deletion(workload.kind, spec) or held_back(workload.kind, spec)):
            return []
        return [pod for pod in self.pods_of(workload) if asked(self.container(pod)) != asked(made)]

    def bound_by(self, workload: Workload) -> list[str]:
        """Return what in a workload's pods says where they may run."""
        spec = (self.spec(workload).get("template") or {}).get("spec") or {}
        found = [f"`{name}`" for name in ("nodeName", "nodeSelector", "affinity") if spec.get(name)]
        volumes = spec.get("volumes") or []
        return found + ["volume, which is on one node,"] * any(
            "persistentVolumeClaim" in each for each in volumes
        )

    @functools.cached_property
    def key(self) -> str:
        """What it is, in a word that changes with every change of it."""
        texts = [
            f"{thing['metadata']['uid']} {json.dumps(thing['spec'], sort_keys=True)}"
            for thing in self._things.values()
        ]
        return hashlib.sha256(" ".join(sorted(texts)).encode()).hexdigest()

    def listens(self, pod: Pod) -> int:
        """Return the port in a pod that users reach; Parcel's own as long as no service says it."""
        target = self.target(self.service, pod) if self.service else ""
        return int(target) if target.isdecimal() else self.own_port(pod) or LISTENS

    def own_port(self, pod: Pod) -> int | None:
        """Return the port that a copy was told to listen on, its usual one when it was told none; None if not known."""
        container = self.container(pod)
        told = [each.value for each in container.env if each.name == "PARCEL_PORT"]
        if (told and not told[-1]) or (not told and container.env_from):
            # Another object has the value.
            return None
        return int(told[-1]) if told and told[-1].isdecimal() else LISTENS

    def target(self, service: Service, pod: Pod) -> str:
        """Return the port of a pod that a service leads to, as a number; what is wrong with it where it is none."""
        port = self.port(service)
        if port is None:
            return "?"
        if isinstance(port.target_port, int) or str(port.target_port).isdecimal():
            return str(port.target_port or port.port)
        named = [
            each
            for container in pod.spec.containers
            for each in container.ports
            if each.name == port.target_port
        ]
        return (
            str(named[0].container_port)
            if named
            else f"a port named {port.target_port}, and no port of the copies has that name"
        )

    def answers_at(self, pod: Pod, port: str) -> bool:
        """Whether a pod's own port answers as Parcel does, asked through the API server."""
        if not port.isdecimal():
            return False
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}:{port}/proxy/healthz"
        return self.cluster.api.knock(path, 3.0)[0] == 200

    @property
    def any_port(self) -> bool:
        """Whether any port of the nodes will do, since the lab's is somebody's."""
        return isinstance(self.cluster, Elsewhere) and self.cluster.choice.port_taken

    def port(self, service: Service) -> ServicePort | None:
        """Return the port of a service that users reach; None if they reach another one."""
        fitting = [each for each in service.spec.ports if each.node_port == NODE_PORT]
        if self.any_port:
            fitting += [each for each in service.spec.ports if each.node_port]
        return fitting[0] if fitting else None

    @functools.cached_property
    def service(self) -> Service | None:
        """The service at the port that the front asks, whatever its name."""
        services = self.cluster.api.read(self.cluster.listing("services"), Services).items
        found = [(port.node_port, each.metadata.name, each) for each in services if (port := self.port(each))]
        return min(found, key=lambda each: (each[0] != NODE_PORT, each[1]))[2] if found else None

    def other_services(self) -> list[Service]:
        """Return the services of the learner's that are not at that port."""
        services = self.cluster.api.read(self.cluster.listing("services"), Services).items
        return [
            each
            for each in services
            if each.metadata.namespace != "kube-system"
            and (each.metadata.namespace, each.metadata.name) != ("default", "kubernetes")
            and each is not self.service
        ]

    def selected(self, service: Service) -> list[Pod]:
        """Return the pods that a service leads to."""
        if not service.spec.selector:
            return []
        labels = quote(",".join(f"{name}={value}" for name, value in service.spec.selector.items()))
        path = f"/api/v1/namespaces/{service.metadata.namespace}/pods?labelSelector={labels}"
        return [pod for pod in self.cluster.api.read(path, Pods).items if not pod.metadata.deletion_timestamp]

    def written_slices(self, service: Service) -> list[str]:
        """Return the EndpointSlices with addresses of a service that the cluster has not made itself."""
        of = service.metadata
        path = f"/apis/discovery.k8s.io/v1/namespaces/{of.namespace}/endpointslices?labelSelector="
        try:
            found = self.cluster.api.read(path + quote(f"kubernetes.io/service-name={of.name}"), Pods).items
        except Refused:
            # On a cluster of the learner's own they may be hidden.
            return []
        return [each.metadata.name for each in found if each.metadata.labels.get(_MADE_BY) != _CONTROLLER]

    def last_warning(self, pod: Pod, about: str = "") -> str:
        """Return what the cluster last complained of about a pod.

        Args:
            pod: the pod.
            about: a word that has to be in it, such as `Liveness`; any complaint, when left out.
        """
        return self.event(pod, "type=Warning", about)

    def event(self, pod: Pod, field: str, about: str = "") -> str:
        """Return what the cluster last said of a pod, of one sort; empty when it said nothing.

        Args:
            pod: the pod.
            field: the sort, as a field selector: `reason=Killing`.
            about: a word that has to be in it.
        """
        chosen = quote(f"involvedObject.uid={pod.metadata.uid},{field}")
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/events?fieldSelector={chosen}"
        events = [each for each in self.cluster.api.get(path)[0]["items"] if about in each.get("message", "")]
        last = max(events, key=_moment, default=None)
        return " ".join(str(last["message"]).split()) if last else ""

    def last_words(self, pod: Pod) -> str:
        """Return the last line that a copy wrote before it ended the last time; empty when it wrote none."""
        of, name = pod.metadata, self.container(pod).name
        path = (
            f"/api/v1/namespaces/{of.namespace}/pods/{of.name}/log?container={name}&previous=true&tailLines=1"
        )
        return self.cluster.api.text(path).strip()

    def status(self, pod: Pod) -> ContainerStatus:
        """Return how Parcel's container in a pod is."""
        name = self.container(pod).name
        return next((each for each in pod.status.container_statuses if each.name == name), ContainerStatus())

    def container(self, pod: Pod) -> Container:
        """Return the container of a pod that is Parcel."""
        found = self.cluster.app(pod.spec.containers)
        if found is None:
            could_not_run(f"{pod.metadata.name} runs Parcel no more.")
        return found


def probes_of(container: Container) -> tuple[object, ...]:
    """Return a container's three probes."""
    return container.readiness_probe, container.liveness_probe, container.startup_probe


def image_of(container: Container) -> str:
    """Return a container's image."""
    return container.image


def _moment(event: dict[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def labels_of(pod: Pod) -> str:
    """Return a pod's labels as `kubectl get pods --show-labels` writes them, without those of the cluster's own."""
    own = {name: value for name, value in pod.metadata.labels.items() if name != "pod-template-hash"}
    return ",".join(f"{name}={value}" for name, value in sorted(own.items())) or "no labels"


def space(service_or_pod: Service | Pod) -> str:
    """Return the option that names a namespace to kubectl; nothing for the default one."""
    name = service_or_pod.metadata.namespace
    return "" if name in {"", "default"} else f" --namespace {name}"
