"""Kubernetes as checks see it: what counts as a copy, what looks after it, and what the API said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from checker.cluster.kube import Api, Pod, Refused
from checker.cluster.kubernetes import PROBE, Kubernetes, Workload
from checker.engine.shell import Completed
from checker.grading.verdicts import CouldNotRun


def pod(name: str = "parcel-1", image: str = "drydock/parcel:1.0", **changes: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "default",
        "labels": {"app": "parcel"},
        **changes.pop("metadata", {}),
    }
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": "parcel", "containerID": "containerd://abc", "restartCount": 0, "state": {"running": {}}}
        ],
        **changes.pop("status", {}),
    }
    return {
        "metadata": metadata,
        "spec": {"nodeName": "worker-1", "containers": [{"name": "parcel", "image": image}]},
        "status": status,
    }


@dataclass
class Toolbox:
    """A toolbox whose curl answers from a table, by path."""

    answers: dict[str, Any]
    asked: list[str] = field(default_factory=list)
    rc: int = 0

    def exec(self, command: str, timeout: float = 0, user: str | None = None) -> Completed:  # noqa: ARG002
        """Answer as curl would."""
        self.asked.append(command)
        if self.rc:
            return Completed(self.rc, b"", b"curl: (7) Failed to connect to control-plane port 6443\n")
        said = ""
        for path in command.split("https://control-plane:6443")[1:]:
            answer = self.answers.get(path.split("'")[0].split(" ")[0], {"code": 404, "message": "not found"})
            said += f"{json.dumps(answer)}\x1e{answer.get('code', 200)}\x1e"
        return Completed(0, said.encode(), b"")


@dataclass
class TheLab:
    """A lab with nothing but that toolbox."""

    toolbox: Toolbox
    number: str = "10"

    def node(self, service: str) -> Toolbox:
        """Give the toolbox."""
        assert service == "toolbox"
        return self.toolbox


PODS = "/api/v1/pods?fieldSelector=metadata.namespace%21%3Dkube-system"


def cluster(answers: dict[str, Any], rc: int = 0) -> Kubernetes:
    return Kubernetes(TheLab(Toolbox(answers, rc=rc)))  # type: ignore[arg-type]


def test_a_pod_of_parcel_is_a_copy_with_its_node_and_version() -> None:
    found = cluster({PODS: {"items": [pod()]}}).instances()
    assert [(each.id, each.node, each.version, each.ready) for each in found] == [
        ("parcel-1", "worker-1", "1.0", True)
    ]


@pytest.mark.parametrize(
    "other",
    [
        pod(image="drydock/pause:1.0"),
        pod(image="drydock/parcels:1.0"),
        pod(metadata={"deletionTimestamp": "2026-11-24T22:00:00Z"}),
        pod(metadata={"labels": {PROBE: "late"}}),
        pod(status={"phase": "Succeeded"}),
    ],
)
def test_what_is_about_to_go_or_another_s_is_no_copy(other: dict[str, Any]) -> None:
    assert cluster({PODS: {"items": [other]}}).instances() == []


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/drydock/parcel:2.0", "2.0"),
        ("drydock/parcel", "latest"),
        ("localhost:5000/drydock/parcel:1.0", None),
        ("drydock/parcel:1.0@sha256:0123", "1.0"),
    ],
)
def test_an_image_is_known_by_its_repository(image: str, version: str | None) -> None:
    found = cluster({PODS: {"items": [pod(image=image)]}}).instances()
    assert [each.version for each in found] == ([] if version is None else [version])


def test_a_copy_elsewhere_than_in_the_default_namespace_says_where() -> None:
    on = cluster({PODS: {"items": [pod(metadata={"namespace": "post"})]}})
    assert on.instances()[0].id == "post/parcel-1"
    assert on.shows().endswith("--namespace post")


def test_what_runs_parcel_beside_the_service_is_no_copy_once_the_service_is_known() -> None:
    blue, green = ({"name": name, "labels": {"app": "parcel", "colour": name}} for name in ("blue", "green"))
    strange = {"name": "strange", "namespace": "post", "labels": {"colour": "green"}}
    on = cluster({PODS: {"items": [pod(metadata=each) for each in (blue, green, strange)]}})
    assert [each.id for each in on.instances()] == ["blue", "green", "post/strange"]
    on.narrow("default", {"colour": "green"})
    assert [each.id for each in on.instances()] == ["green"]
    on.narrow("default", {})
    assert on.instances() == []


def owned(kind: str, name: str) -> dict[str, Any]:
    return {"namespace": "default", "ownerReferences": [{"kind": kind, "name": name, "controller": True}]}


def test_a_deployment_looks_after_its_replica_set_s_pods() -> None:
    path = "/apis/apps/v1/namespaces/default/replicasets/parcel-77"
    on = cluster({path: {"metadata": owned("Deployment", "parcel")}})
    one = msgspec.convert(pod(metadata=owned("ReplicaSet", "parcel-77")), Pod, strict=False)
    assert on.workload(one) == Workload("Deployment", "default", "parcel")
    assert on.workload(one).path == "/apis/apps/v1/namespaces/default/deployments/parcel"


def test_a_pod_that_nothing_looks_after_is_its_own_workload() -> None:
    one = msgspec.convert(pod(), Pod, strict=False)
    assert cluster({}).workload(one) == Workload("Pod", "default", "parcel-1")


def test_a_refusal_carries_what_the_server_said() -> None:
    with pytest.raises(Refused, match="404: not found"):
        cluster({}).api.get("/api/v1/nodes")


def test_an_api_that_does_not_answer_is_nobody_s_wrong_answer() -> None:
    with pytest.raises(CouldNotRun, match=r"Failed to connect.*lab start 10"):
        cluster({}, rc=7).api.get("/api/v1/nodes")


def test_several_paths_are_asked_in_one_go() -> None:
    toolbox = Toolbox({"/a": {"n": 1}, "/b": {"n": 2}})
    api = Api(TheLab(toolbox))  # type: ignore[arg-type]
    assert api.get("/a", "/b") == [{"n": 1}, {"n": 2}]
    assert len(toolbox.asked) == 1


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        ({}, ""),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}, "ImagePullBackOff"),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}, "OOMKilled"),
        (
            {
                "phase": "Pending",
                "containerStatuses": [],
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}],
            },
            "0/3 nodes",
        ),
    ],
)
def test_a_pod_names_its_trouble_in_the_cluster_s_word(status: dict[str, Any], trouble: str) -> None:
    assert msgspec.convert(pod(status=status), Pod, strict=False).trouble == trouble
