"""A service's copies on Kubernetes: what looks after them, and what that says of its pods."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from checker.cluster.kubernetes import Workload
from checker.cluster.kubernetes_api import Refused
from checker.cluster.kubernetes_copies import Copies
from checker.cluster.kubernetes_records import Pod
from checker.grading.verdicts import CouldNotRun

NOW = 1795967200.0
WEB, OTHER = (Workload("Deployment", "default", name) for name in ("web", "other"))


def pod(name: str, owner: str = "web", image: str = "web:1.0", **labels: str) -> Pod:
    return msgspec.convert(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": name,
                "labels": {
                    "by": owner,
                    **{label.replace("_", "-"): value for label, value in labels.items()},
                },
            },
            "spec": {"containers": [{"name": "helper", "image": "x"}, {"name": "web", "image": image}]},
            "status": {"containerStatuses": [{"name": "helper"}, {"name": "web", "restartCount": 3}]},
        },
        Pod,
    )


def copies(*pods: Pod, **records: Any) -> Copies:
    """Return copies on a cluster that has these workloads, by name."""
    lists = {name: records.pop(name) for name in ("resourcequotas", "limitranges") if name in records}
    kept = {"web": {"spec": template("web:1.0")}, "other": {"spec": template("web:1.0")}, **records}

    def get(path: str) -> list[Any]:
        name = path.rpartition("/")[2]
        if name in lists:
            return [{"items": lists[name]}]
        if name not in kept:
            raise Refused(404, f'deployments "{name}" not found')
        return [{"metadata": {"uid": name}, **kept[name]}]

    cluster: Any = SimpleNamespace(
        image="web",
        api=SimpleNamespace(get=get),
        pods=lambda: list(pods),
        lab=SimpleNamespace(engine=SimpleNamespace(clock=SimpleNamespace(now=lambda: NOW))),
        workload=lambda one: Workload(
            "StatefulSet" if one.metadata.labels["by"] == "set" else "Deployment",
            "default",
            one.metadata.labels["by"],
        ),
        replica_sets=lambda _: [
            {"metadata": {"labels": {"pod-template-hash": template}}} for template in ("b", "a")
        ],
        app=lambda these: next((each for each in these if each.image.startswith("web")), None),
    )
    return Copies(cluster)


def template(image: str, **spec: Any) -> dict[str, Any]:
    made_of = {"containers": [{"name": "helper", "image": "x"}, {"name": "web", "image": image}], **spec}
    return {"template": {"spec": made_of}}


def image_of(container: Any) -> object:
    return container.image


def test_what_makes_most_copies_comes_first() -> None:
    found = copies(pod("a", "other"), pod("b"), pod("c"))
    assert found.workloads == [WEB, OTHER]
    assert [each.metadata.name for each in found.pods_of(WEB)] == ["b", "c"]


def test_copies_that_all_went_away_are_not_judged() -> None:
    with pytest.raises(CouldNotRun, match="All copies went away"):
        _ = copies().workloads


def test_the_applications_own_container_is_told_from_a_helper() -> None:
    one = pod("a")
    found = copies(one)
    assert found.container(one).name == "web"
    assert found.status(one).restart_count == 3
    with pytest.raises(CouldNotRun, match=r"a no longer runs web\."):
        found.container(pod("a", image="another"))


def test_a_workload_that_is_gone_cannot_be_looked_at() -> None:
    with pytest.raises(CouldNotRun, match="deployment/gone cannot be looked at"):
        copies(pod("a", "gone")).spec(Workload("Deployment", "default", "gone"))


def test_a_workload_without_a_template_cannot_be_followed() -> None:
    with pytest.raises(CouldNotRun, match="no pod template of the usual form"):
        copies(pod("a"), web={"spec": {}}).made_of(WEB)


def test_the_images_that_a_workload_was_told_are_known_whether_or_not_they_are_the_applications() -> None:
    other = copies(pod("a"), web={"spec": template("shop:1")})
    assert other.images_told(other.workloads[0]) == ["x", "shop:1"]
    without = copies(pod("a"), web={"spec": {}})
    assert without.images_told(without.workloads[0]) == []


def test_the_key_changes_with_what_a_workload_was_told_and_not_with_what_came_of_it() -> None:
    first = copies(pod("a")).key
    assert copies(pod("b"), web={"spec": template("web:1.0"), "status": {"replicas": 3}}).key == first
    assert copies(pod("a"), web={"spec": template("web:2.0")}).key != first


def test_the_key_changes_with_what_limits_a_workload_and_with_what_its_pods_refer_to() -> None:
    def key(pods: str = "3", used: str = "0", value: str = "1") -> str:
        quota = {"metadata": {"uid": "room"}, "spec": {"hard": {"pods": pods}}, "status": {"used": used}}
        source = {"name": "web", "image": "web:1.0", "envFrom": [{"configMapRef": {"name": "says"}}]}
        return copies(
            pod("a"),
            web={"spec": {"template": {"spec": {"containers": [source]}}}},
            resourcequotas=[quota],
            says={"data": {"VALUE": value}},
        ).key

    assert key() == key(used="3")
    assert len({key(), key(pods="4"), key(value="2")}) == 3


def test_what_the_cluster_refuses_to_make_is_told_in_one_line() -> None:
    failed = {"type": "ReplicaFailure", "status": "True", "message": "exceeded\n  quota"}
    found = copies(pod("a"), web={"spec": {}, "status": {"conditions": [{"type": "Available"}, failed]}})
    assert found.refused(WEB) == "exceeded quota"
    assert not copies(pod("a")).refused(WEB)


@pytest.mark.parametrize(("held", "old"), [({"paused": True}, ["a"]), ({}, [])])
def test_copies_are_outdated_only_where_nobody_replaces_them(held: dict[str, Any], old: list[str]) -> None:
    found = copies(
        pod("a"), pod("b", image="web:2.0"), web={"spec": {**template("web:2.0"), **held}}
    ).outdated(WEB, image_of)
    assert [each.metadata.name for each in found] == old


def test_what_binds_pods_to_a_node_is_named() -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    spec = template("web:1.0", nodeName="worker-1", affinity={}, volumes=[volume])
    found = copies(pod("a"), web={"spec": spec})
    assert found.bound_by(WEB) == ["`nodeName`", "volume, which is on one node,"]


def test_pods_are_looked_at_by_the_nodes_clock() -> None:
    found = copies(pod("a"))
    found.look()
    assert found.looked_at == NOW


@pytest.mark.parametrize(
    ("pods", "newest"),
    [
        ([pod("a", pod_template_hash="a"), pod("b", pod_template_hash="b")], ["b"]),
        ([pod("a", pod_template_hash="a")], ["a"]),
        (
            [
                pod("a", "set", controller_revision_hash="set-1"),
                pod("b", "set", controller_revision_hash="set-2"),
            ],
            ["b"],
        ),
        ([pod("a"), pod("b")], ["a", "b"]),
    ],
    ids=["a Deployment's", "all old", "a StatefulSet's", "without a mark"],
)
def test_the_newest_copies_are_those_made_of_what_their_workload_says_now(
    pods: list[Pod], newest: list[str]
) -> None:
    says = {"spec": template("web:1.0"), "status": {"updateRevision": "set-2"}}
    found = copies(*pods, set=says).newest(pods)
    assert [each.metadata.name for each in found] == newest
