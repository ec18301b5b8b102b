"""Parcel on the cluster, as the learner made it: its pods, what looks after them, and the way to them."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kube import Pod, Pods, Refused, Service, Services
from checker.cluster.kubernetes import is_selected
from checker.grading.author import could_not_run

if TYPE_CHECKING:
    from checker.cluster.kube import ServicePort
    from checker.cluster.kubernetes import Kubernetes, Workload

NODE_PORT = 30080
LISTENS = 8080
"""Parcel's port inside."""


class Parcel:
    """The learner's Parcel; what was read once is kept for the run."""

    def __init__(self, cluster: Kubernetes) -> None:
        self.cluster = cluster

    @functools.cached_property
    def pods(self) -> list[Pod]:
        """Its pods."""
        return self.look()

    beside = 0
    """How many pods run Parcel and are not the service's, such as those of the old version in a blue-green release."""

    def look(self) -> list[Pod]:
        """Look at its pods anew: those that the service leads to, or all as long as it leads to none."""
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
    def workload(self) -> Workload:
        """What looks after its pods; after most of them, when they differ."""
        found = [self.cluster.workload(pod) for pod in self.pods[:1]]
        if not found:
            could_not_run("All copies went away while they were looked at.")
        return found[0]

    @functools.cached_property
    def template(self) -> dict[str, Any]:
        """What its workload makes pods of."""
        try:
            spec: dict[str, Any] = self.cluster.api.get(self.workload.path)[0]["spec"]
        except Refused as refused:
            could_not_run(f"{self.workload.title} went away while it was looked at ({refused}).")
        return spec

    @functools.cached_property
    def key(self) -> str:
        """What it is, in a word that changes with every change of it."""
        uid = self.cluster.api.get(self.workload.path)[0]["metadata"]["uid"]
        text = json.dumps(self.template, sort_keys=True)
        return hashlib.sha256(f"{uid} {text}".encode()).hexdigest()

    @property
    def any_port(self) -> bool:
        """Whether any port of the nodes will do, since the lab's is somebody's."""
        return isinstance(self.cluster, Elsewhere) and self.cluster.choice.port_taken

    def port(self, service: Service) -> ServicePort | None:
        """Return the port of a service that users are led to; None when they are led elsewhere."""
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

    def last_warning(self, pod: Pod) -> str:
        """Return what the cluster last complained of about a pod."""
        field = quote(f"involvedObject.name={pod.metadata.name},type=Warning")
        events = self.cluster.api.get(
            f"/api/v1/namespaces/{pod.metadata.namespace}/events?fieldSelector={field}"
        )[0]["items"]
        last = max(events, key=lambda each: str(each.get("lastTimestamp") or ""), default=None)
        return " ".join(str(last["message"]).split()) if last else ""

    def container(self, pod: Pod) -> Any:
        """Return the container of a pod that is Parcel."""
        return next(each for each in pod.spec.containers if self.cluster.is_parcel(each.image))


def labels_of(pod: Pod) -> str:
    """Return a pod's labels as `kubectl get pods --show-labels` writes them, without those of the cluster's own."""
    own = {name: value for name, value in pod.metadata.labels.items() if name != "pod-template-hash"}
    return ",".join(f"{name}={value}" for name, value in sorted(own.items())) or "no labels"


def space(service_or_pod: Service | Pod) -> str:
    """Return the option that names a namespace to kubectl; nothing for the default one."""
    name = service_or_pod.metadata.namespace
    return "" if name in {"", "default"} else f" --namespace {name}"
