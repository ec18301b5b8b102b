"""A Kubernetes cluster's services: which pods each leads to, at which of their ports, and by whose hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from checker.cluster.kubernetes import is_selected
from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import Pods, Services
from checker.cluster.kubernetes_workloads import Workload

if TYPE_CHECKING:
    from checker.cluster.kubernetes import Kubernetes
    from checker.cluster.kubernetes_api import Api
    from checker.cluster.kubernetes_records import Pod, Service, ServicePort

_MADE_BY, _CONTROLLER = "endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"


def services(cluster: Kubernetes) -> list[Service]:
    """Return the services in every namespace in which checks look."""
    return list(cluster.api.read(cluster.listing("services"), Services).items)


def is_clusters_own(service: Service) -> bool:
    """Whether a service is a part of the cluster itself."""
    of = service.metadata
    return of.namespace == "kube-system" or (of.namespace, of.name) == ("default", "kubernetes")


def selected(api: Api, service: Service) -> list[Pod]:
    """Return the pods that a service leads to, ready or not; none if it selects by no label."""
    if not service.spec.selector:
        return []
    path = f"/api/v1/namespaces/{service.metadata.namespace}/pods?labelSelector="
    found = api.read(path + quote(selector_of(service)), Pods).items
    return [pod for pod in found if not pod.metadata.deletion_timestamp]


def selector_of(service: Service) -> str:
    """Return the labels by which a service selects pods, as kubectl takes them; empty if it has none."""
    return ",".join(f"{name}={value}" for name, value in service.spec.selector.items())


def makers(cluster: Kubernetes, service: Service) -> list[tuple[Workload, dict[str, Any]]]:
    """Return the Deployments and StatefulSets that make pods for a service, whether there are any yet; each with its spec."""
    of = service.metadata.namespace
    found = []
    for kind in ("Deployment", "StatefulSet"):
        for each in cluster.api.get(f"/apis/apps/v1/namespaces/{of}/{kind.lower()}s")[0]["items"]:
            labels = each["spec"]["template"]["metadata"].get("labels") or {}
            if service.spec.selector and service.spec.selector.items() <= labels.items():
                found.append((Workload(kind, of, each["metadata"]["name"]), each["spec"]))
    return found


def unserved(cluster: Kubernetes) -> list[Pod]:
    """Return the copies to which no service leads."""
    there = services(cluster)
    return [
        pod
        for pod in cluster.pods()
        if not any(is_selected(pod, each.metadata.namespace, each.spec.selector) for each in there)
    ]


def target_of(port: ServicePort, pod: Pod) -> int | None:
    """Return the port of a pod that a service's port leads to; None if it has a name that no port of the pod has."""
    if str(port.target_port).isdecimal():
        return int(port.target_port or port.port)
    ports = (each for container in pod.spec.containers for each in container.ports)
    return next((each.container_port for each in ports if each.name == port.target_port), None)


def written_slices(api: Api, service: Service) -> list[str]:
    """Return the EndpointSlices with addresses of a service that the cluster has not made itself.

    Returns:
        Their names; none if they may not be read.
    """
    of = service.metadata
    path = f"/apis/discovery.k8s.io/v1/namespaces/{of.namespace}/endpointslices?labelSelector="
    try:
        found = api.read(path + quote(f"kubernetes.io/service-name={of.name}"), Pods).items
    except Refused:
        return []
    return [each.metadata.name for each in found if each.metadata.labels.get(_MADE_BY) != _CONTROLLER]


def answers_at(api: Api, pod: Pod, port: int, path: str) -> bool:
    """Whether a port of a pod answers a path with 200, asked through the API server."""
    of = pod.metadata
    return api.knock(f"/api/v1/namespaces/{of.namespace}/pods/{of.name}:{port}/proxy{path}", 3.0)[0] == 200
