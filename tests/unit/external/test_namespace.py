"""The lab's room in another's cluster: only what carries our mark is made use of or removed."""

from __future__ import annotations

from typing import Any

import pytest

from checker.errors import LabError
from checker.external.namespace import LABEL, OWNER, LabNamespace
from tests.unit.external.clusters import Cluster

RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACE = "/api/v1/namespaces/drydock-97"


def room(cluster: Cluster, owner: str = "me") -> LabNamespace:
    return LabNamespace(cluster, "drydock-97", "97", owner)  # type: ignore[arg-type]


def thing(**labels: str) -> dict[str, Any]:
    return {"metadata": {"labels": labels}}


def test_it_is_made_and_removed_and_the_cluster_is_as_before() -> None:
    before = {"/api/v1/namespaces/theirs": thing(), f"{RBAC}/clusterroles/admin": thing()}
    cluster = Cluster(dict(before))
    made = room(cluster)
    assert made.make() is True
    assert made.make() is True, "made a second time, it is mended"
    assert made.token() == "secret"
    binding = cluster.things[f"{RBAC}/namespaces/drydock-97/rolebindings/learner"]
    assert binding["roleRef"]["name"] == "admin"
    role = cluster.things[f"{RBAC}/clusterroles/drydock-97-nodes"]
    assert [(rule["resources"], rule["verbs"]) for rule in role["rules"]] == [
        (["nodes"], ["get", "list", "watch"])
    ]
    assert len(made.remove()) == 3
    assert {each: cluster.things[each] for each in before} == before
    assert not [each for each in cluster.things if "rolebindings" not in each and each not in before]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "does not carry the lab's label"),
        ({LABEL: "97", OWNER: "another"}, "another checkout of Drydock made it"),
        ({LABEL: "98", OWNER: "me"}, "another checkout of Drydock made it"),
    ],
)
def test_a_namespace_that_is_not_ours_is_neither_taken_nor_removed(labels: dict[str, str], said: str) -> None:
    cluster = Cluster({NAMESPACE: thing(**labels)})
    with pytest.raises(LabError, match=said) as caught:
        room(cluster).make()
    assert "--namespace drydock-97-2" in caught.value.remedy
    assert room(cluster).remove() == []
    assert cluster.sent == []


def test_roles_of_the_cluster_that_bear_our_name_and_not_our_mark_stay() -> None:
    theirs = f"{RBAC}/clusterroles/drydock-97-nodes"
    cluster = Cluster({theirs: thing()})
    made = room(cluster)
    assert made.make() is False, "nodes are read by a role of ours alone"
    made.remove()
    assert theirs in cluster.things


def test_who_may_make_no_roles_of_the_cluster_goes_without_nodes() -> None:
    assert room(Cluster(forbidden=("clusterroles",))).make() is False


def test_who_may_make_no_namespace_is_told_so() -> None:
    with pytest.raises(LabError, match=r"may not make a namespace \(drydock-97\)") as caught:
        room(Cluster(forbidden=("/api/v1/namespaces",))).make()
    assert "Ask the person who runs the cluster" in caught.value.remedy
