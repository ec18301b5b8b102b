"""A cluster's autoscalers: from which use on each adds copies, how fast it may, and what it says of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from checker.cluster.kubernetes_autoscalers import Autoscaler, Metric, autoscalers, has_set
from checker.cluster.kubernetes_records import Pod
from checker.cluster.kubernetes_workloads import Workload

REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "parcel"}
NAMED = msgspec.convert({"metadata": {"name": "parcel", "namespace": "default"}}, Autoscaler)


def answering(answers: dict[str, Any]) -> Any:
    """Return an API server that answers from a table, by path."""
    return SimpleNamespace(read=lambda path, kind: msgspec.convert(answers[path], kind))


def with_condition(kind: str, reason: str, message: str) -> Autoscaler:
    """Return an autoscaler that says why something is not so."""
    said = {"type": kind, "status": "False", "reason": reason, "message": message}
    return msgspec.convert({"status": {"conditions": [said]}}, Autoscaler)


def pod(*containers: dict[str, Any]) -> Pod:
    """Return a pod with containers of these resources."""
    made = [{"name": name, "resources": each} for name, each in zip("abc", containers, strict=False)]
    return msgspec.convert({"spec": {"containers": made}}, Pod)


@pytest.mark.parametrize(
    ("metric", "added_from", "most"),
    [
        ({"type": "Utilization", "averageUtilization": 60}, 0.066, 0.2),
        ({"type": "AverageValue", "averageValue": "50m"}, 0.055, 0.2),
    ],
)
def test_a_copy_is_added_above_the_target_and_its_tolerance(
    metric: dict[str, Any], added_from: float, most: float
) -> None:
    found = msgspec.convert({"type": "Resource", "resource": {"name": "cpu", "target": metric}}, Metric)
    one = pod({"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}})
    assert found.added_from(one, 0.1) == pytest.approx(added_from)
    assert found.most_of(one) == pytest.approx(most)


def test_a_metric_of_the_pod_counts_every_container_and_one_of_a_container_only_that() -> None:
    two = pod(
        {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}, {"requests": {"cpu": "50m"}, "limits": {}}
    )
    target = {"type": "Utilization", "averageUtilization": 100}
    kind = Metric
    whole = msgspec.convert({"type": "Resource", "resource": {"name": "cpu", "target": target}}, kind)
    part = msgspec.convert(
        {
            "type": "ContainerResource",
            "containerResource": {"name": "cpu", "container": "a", "target": target},
        },
        kind,
    )
    assert whole.added_from(two, 0.1) == pytest.approx(0.165)
    assert whole.most_of(two) is None
    assert part.added_from(two, 0.0) == pytest.approx(0.1)
    assert part.most_of(two) == pytest.approx(0.2)
    assert [whole.is_of(each) for each in two.spec.containers] == [True, True]
    assert [part.is_of(each) for each in two.spec.containers] == [True, False]
    memory = msgspec.convert({"type": "Resource", "resource": {"name": "memory", "target": target}}, kind)
    assert not memory.is_of(two.spec.containers[0])
    assert (memory.title, part.title) == ("memory", "cpu of container a")


def test_an_autoscaler_that_says_nothing_waits_five_minutes() -> None:
    kind = Autoscaler
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    assert kind().patience == 300
    assert msgspec.convert({"spec": {"behavior": behavior}}, kind).patience == 0


def test_an_autoscaler_may_say_how_far_from_its_target_it_does_nothing() -> None:
    kind = Autoscaler
    exact = {"scaleUp": {"tolerance": "50m"}}
    assert kind().tolerance() == 0.1
    assert msgspec.convert({"spec": {"behavior": exact}}, kind).tolerance() == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, ""),
        ({"policies": [{"type": "Pods", "value": 2, "periodSeconds": 15}]}, "2 copies in 15 s"),
        (
            {
                "selectPolicy": "Min",
                "policies": [
                    {"type": "Pods", "value": 1, "periodSeconds": 60},
                    {"type": "Percent", "value": 10, "periodSeconds": 60},
                ],
            },
            "1 copy in 60 s or 10 % in 60 s, whichever is less",
        ),
    ],
)
def test_a_pace_is_said_in_words(rule: dict[str, Any], words: str) -> None:
    found = msgspec.convert({"spec": {"behavior": {"scaleUp": rule}}}, Autoscaler)
    assert found.pace("scaleUp") == words


def test_what_a_whole_pod_requests_and_may_use_is_counted_once() -> None:
    target = {"type": "Utilization", "averageUtilization": 60}
    found = msgspec.convert({"type": "Resource", "resource": {"name": "cpu", "target": target}}, Metric)
    whole = {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}
    two = [{"name": "parcel"}, {"name": "helper"}]
    one = msgspec.convert({"spec": {"resources": whole, "containers": two}}, Pod)
    assert found.added_from(one, 0.1) == pytest.approx(0.066)
    assert found.most_of(one) == pytest.approx(0.2)


def test_a_sidecar_among_the_init_containers_counts_and_one_that_ends_does_not() -> None:
    target = {"type": "Utilization", "averageUtilization": 100}
    found = msgspec.convert({"type": "Resource", "resource": {"name": "cpu", "target": target}}, Metric)
    asks = {"requests": {"cpu": "100m"}, "limits": {"cpu": "100m"}}
    before = [
        {"name": "sidecar", "restartPolicy": "Always", "resources": asks},
        {"name": "once", "resources": asks},
    ]
    spec = {"initContainers": before, "containers": [{"name": "parcel", "resources": asks}]}
    one = msgspec.convert({"spec": spec}, Pod)
    assert [each.name for each in one.spec.lasting] == ["parcel", "sidecar"]
    assert found.added_from(one, 0.0) == pytest.approx(0.2)
    assert found.most_of(one) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("name", "message", "number", "is_own"),
    [
        ("parcel", "New size: 4; reason: cpu resource utilization above target", 4, True),
        ("parcel", "New size: 4; reason: cpu resource utilization above target", 5, False),
        ("practice", "New size: 4; reason: cpu resource utilization above target", 4, False),
    ],
)
def test_an_autoscaler_says_itself_which_numbers_it_has_set(
    name: str, message: str, number: int, is_own: bool
) -> None:
    said = {"items": [{"involvedObject": {"name": name}, "message": message}]}
    path = "/api/v1/namespaces/default/events?fieldSelector=reason%3DSuccessfulRescale"
    assert has_set(answering({path: said}), NAMED, number) is is_own


def test_an_autoscaler_of_another_namespace_may_name_the_same_workload() -> None:
    path = "/apis/autoscaling/v2/horizontalpodautoscalers"
    items = [
        {"metadata": {"name": "a", "namespace": "away"}, "spec": {"scaleTargetRef": REF}},
        {"metadata": {"name": "b"}, "spec": {"scaleTargetRef": {**REF, "kind": "statefulset"}}},
    ]
    away, other = autoscalers(answering({path: {"items": items}}))
    workload = Workload("Deployment", "default", "parcel")
    assert (away.names(workload), other.names(workload)) == (True, False)
    assert (away.reference, other.reference) == ("deployment/parcel", "statefulset/parcel")
    assert away.path == "/apis/autoscaling/v2/namespaces/away/horizontalpodautoscalers/a"


@pytest.mark.parametrize(
    ("said", "lacking"),
    [
        ("missing request for cpu in container web of Pod web-1", ("web-1", "web")),
        ("missing pod-level request for cpu in Pod web-1", ("web-1", "")),
        ("unable to get metrics", None),
    ],
)
def test_a_pod_without_a_request_is_named_by_its_autoscaler(
    said: str, lacking: tuple[str, str] | None
) -> None:
    found = with_condition("ScalingActive", "FailedGetResourceMetric", said)
    assert found.lacking == lacking
    assert not found.measures


def test_a_workload_that_is_not_found_is_told_from_a_number_that_cannot_be_set() -> None:
    assert with_condition("AbleToScale", "FailedGetScale", "not found").refusal == "not found"
    assert not with_condition("AbleToScale", "FailedUpdateScale", "conflict").refusal
