"""A cluster's services: which pods each leads to, at which of their ports, and by whose hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_records import Pod, Service, ServicePort
from checker.cluster.kubernetes_services import (
    answers_at,
    is_clusters_own,
    makers,
    selected,
    services,
    target_of,
    unserved,
    written_slices,
)

POD = msgspec.convert(
    {
        "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"containers": [{}, {"ports": [{"name": "http", "containerPort": 9000}]}]},
    },
    Pod,
)


def service(name: str = "web", namespace: str = "shop", **selector: str) -> Service:
    return msgspec.convert(
        {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}}, Service
    )


def answering(path: str, *items: dict[str, Any]) -> Any:
    """Return an API server that lists these at one path, and nothing elsewhere."""

    def read(asked: str, kind: Any) -> Any:
        assert asked == path
        return msgspec.convert({"items": items}, kind)

    return SimpleNamespace(read=read)


@pytest.mark.parametrize(
    ("target", "port"), [(8080, 8080), ("8080", 8080), (0, 80), ("http", 9000), ("https", None)]
)
def test_a_services_port_leads_to_a_number_or_to_a_port_that_the_pod_names(
    target: int | str, port: int | None
) -> None:
    assert target_of(ServicePort(port=80, target_port=target), POD) == port


def test_a_service_leads_to_the_pods_with_all_its_labels_that_are_not_about_to_go() -> None:
    path = "/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb%2Ctier%3Dfront"
    going = {"metadata": {"name": "web-2", "deletionTimestamp": "2026-11-28T16:00:00Z"}}
    api = answering(path, {"metadata": {"name": "web-1"}}, going)
    assert [pod.metadata.name for pod in selected(api, service(app="web", tier="front"))] == ["web-1"]


def test_a_service_without_labels_selects_nothing() -> None:
    assert not selected(answering("nothing is asked"), service())


def test_only_the_clusters_own_addresses_of_a_service_come_from_its_selector() -> None:
    own = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    path = (
        "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector="
        "kubernetes.io/service-name%3Dweb"
    )
    api = answering(path, {"metadata": {"name": "web-x1", "labels": own}}, {"metadata": {"name": "extra"}})
    assert written_slices(api, service()) == ["extra"]


def test_addresses_that_may_not_be_read_are_taken_for_none() -> None:
    def read(*_: object) -> None:
        raise Refused(403, "endpointslices is forbidden")

    api: Any = SimpleNamespace(read=read)
    assert not written_slices(api, service())


def test_the_clusters_own_services_are_known_wherever_they_are_listed() -> None:
    items = [
        {"metadata": {"name": name, "namespace": space}}
        for name, space in (("kubernetes", "default"), ("kube-dns", "kube-system"), ("kubernetes", "shop"))
    ]
    cluster: Any = SimpleNamespace(
        api=answering("/api/v1/services", *items), listing=lambda kind: f"/api/v1/{kind}"
    )
    assert [is_clusters_own(each) for each in services(cluster)] == [True, True, False]


@pytest.mark.parametrize(("status", "answers"), [(200, True), (503, False), (0, False)])
def test_a_port_answers_when_it_says_that_all_is_well(status: int, answers: bool) -> None:
    asked: dict[str, tuple[int, str]] = {
        "/api/v1/namespaces/shop/pods/web-1:8080/proxy/healthz": (status, "")
    }
    api: Any = SimpleNamespace(knock=lambda path, _: asked[path])
    assert answers_at(api, POD, 8080, "/healthz") is answers


def test_what_makes_pods_for_a_service_is_known_before_there_are_any() -> None:
    def told(name: str, **labels: str) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": {"template": {"metadata": {"labels": labels}}}}

    there = {
        "deployments": [told("web", app="web", tier="front"), told("other", app="other"), told("bare")],
        "statefulsets": [told("store", app="web")],
    }
    api = SimpleNamespace(
        get=lambda path: ({"items": there[path.removeprefix("/apis/apps/v1/namespaces/shop/")]},)
    )
    cluster: Any = SimpleNamespace(api=api)
    found = [workload.title for workload, _ in makers(cluster, service(app="web"))]
    assert found == ["deployment/web", "statefulset/store"]
    assert makers(cluster, service()) == []


def test_a_copy_is_unserved_when_no_service_of_its_namespace_selects_it() -> None:
    def pod(name: str, namespace: str, **labels: str) -> Pod:
        of = {"name": name, "namespace": namespace, "labels": labels}
        return msgspec.convert({"metadata": of}, Pod)

    copies = [pod("a", "shop", app="web"), pod("b", "default", app="web"), pod("c", "shop", app="wbe")]
    there = SimpleNamespace(items=(service(app="web"), service("none")))
    cluster: Any = SimpleNamespace(
        pods=lambda: copies, listing=lambda kind: kind, api=SimpleNamespace(read=lambda *_: there)
    )
    assert [each.metadata.name for each in unserved(cluster)] == ["b", "c"]
