"""Kubernetes as checks see it: what counts as a copy, what looks after it, and what the API said."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from checker.cluster import kubernetes
from checker.cluster.kubernetes import NODES, PROBE, Kubernetes, Workload, held_back, waits_for_deletion
from checker.cluster.kubernetes_api import Api, Refused
from checker.cluster.kubernetes_records import Pod, Probe, quantity, resources_of
from checker.cluster.kubernetes_workloads import is_changed
from checker.engine.clock import moment
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
    complaint: str = "curl: (7) Failed to connect to control-plane port 6443"

    def exec(self, command: str, timeout: float = 0, user: str | None = None) -> Completed:  # noqa: ARG002
        """Answer as curl would."""
        self.asked.append(command)
        if self.rc:
            return Completed(self.rc, b"", f"{self.complaint}\n".encode())
        said = ""
        for path in command.split("https://control-plane:6443")[1:]:
            answer = self.answers.get(path.split("'")[0].split(" ")[0], {"code": 404, "message": "not found"})
            said += f"{json.dumps(answer)}\x1e{answer.get('code', 200)}\x1e"
        return Completed(0, said.encode(), b"")


@dataclass
class Scene:
    """An engine whose only answer is the nodes of a scene, and the scene's entry in the catalogue."""

    states: dict[str, str]
    project: str = "drydock-10"
    clock: Any = None

    def list_all(self, kind: str, labels: dict[str, str]) -> list[dict[str, Any]]:  # noqa: ARG002
        """List them."""
        return [
            {"Id": name, "State": state, "Labels": {"com.docker.compose.service": name}}
            for name, state in self.states.items()
        ]


@dataclass
class TheLab:
    """A lab with nothing but that toolbox, and nodes that run."""

    toolbox: Toolbox
    number: str = "10"
    engine: Scene = field(default_factory=lambda: Scene(dict.fromkeys(NODES, "running")))

    @property
    def course_lab(self) -> Scene:
        """Its entry in the catalogue."""
        return self.engine

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


def owned(kind: str, name: str, version: str = "apps/v1") -> dict[str, Any]:
    owner = {"apiVersion": version, "kind": kind, "name": name, "controller": True}
    return {"namespace": "default", "ownerReferences": [owner]}


def test_a_deployment_looks_after_its_replica_set_s_pods() -> None:
    path = "/apis/apps/v1/namespaces/default/replicasets/parcel-77"
    on = cluster({path: {"metadata": owned("Deployment", "parcel")}})
    one = msgspec.convert(pod(metadata=owned("ReplicaSet", "parcel-77")), Pod, strict=False)
    assert on.workload(one) == Workload("Deployment", "default", "parcel")
    assert on.workload(one).path == "/apis/apps/v1/namespaces/default/deployments/parcel"


def test_a_pod_that_nothing_looks_after_is_its_own_workload() -> None:
    one = msgspec.convert(pod(), Pod, strict=False)
    assert cluster({}).workload(one) == Workload("Pod", "default", "parcel-1", "v1")


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


# -- whatever looks after pods ---------------------------------------------------------------------------------


def test_a_replication_controller_looks_after_its_pods_from_the_oldest_part_of_the_api() -> None:
    one = msgspec.convert(pod(metadata=owned("ReplicationController", "parcel", "v1")), Pod, strict=False)
    found = cluster({"/api/v1/namespaces/default/replicationcontrollers/parcel": {"metadata": {}}}).workload(
        one
    )
    assert found.path == "/api/v1/namespaces/default/replicationcontrollers/parcel"
    assert found.title == "replicationcontroller/parcel"


def test_a_kind_that_the_course_does_not_know_is_found_by_what_the_api_says_of_it() -> None:
    listed = {
        "resources": [
            {"name": "rollouts/status", "kind": "Rollout"},
            {"name": "rolloutes", "kind": "Rollout"},
        ]
    }
    one = msgspec.convert(pod(metadata=owned("Rollout", "parcel", "x.io/v1")), Pod, strict=False)
    found = cluster({"/apis/x.io/v1": listed}).workload(one)
    assert found.path == "/apis/x.io/v1/namespaces/default/rolloutes/parcel"


@pytest.mark.parametrize(
    ("kind", "spec", "waits"),
    [
        ("ReplicationController", {}, True),
        ("ReplicaSet", {}, True),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, True),
        ("StatefulSet", {"updateStrategy": {"type": "RollingUpdate"}}, False),
        ("Deployment", {"strategy": {"type": "Recreate"}}, False),
    ],
)
def test_some_kinds_replace_a_pod_only_when_somebody_deletes_it(
    kind: str, spec: dict[str, Any], waits: bool
) -> None:
    assert waits_for_deletion(kind, spec) is waits


@pytest.mark.parametrize(
    ("kind", "spec", "kept"),
    [
        ("Deployment", {"paused": True}, "paused: true"),
        ("Deployment", {"replicas": 3}, ""),
        (
            "StatefulSet",
            {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 3}}},
            "partition: 3",
        ),
        ("StatefulSet", {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}, ""),
    ],
)
def test_a_workload_that_keeps_releases_from_its_copies_says_how(
    kind: str, spec: dict[str, Any], kept: str
) -> None:
    assert held_back(kind, spec) == kept


@pytest.mark.parametrize(
    ("manager", "seconds", "more", "changed"),
    [
        ("kubectl", 9, {}, True),
        ("kubectl", 1, {}, False),
        ("kubectl", 9, {"subresource": "scale"}, False),
        ("kube-controller-manager", 9, {}, False),
    ],
)
def test_what_the_cluster_sets_itself_is_no_change_of_what_an_object_was_told(
    manager: str, seconds: int, more: dict[str, str], changed: bool
) -> None:
    field = {"manager": manager, "time": f"2026-11-28T16:00:0{seconds}Z", **more}
    record = {"metadata": {"managedFields": [field]}}
    assert is_changed(record, moment("2026-11-28T16:00:00Z")) is changed


@pytest.mark.parametrize(("namespace", "option"), [("", ""), ("default", ""), ("shop", " --namespace shop")])
def test_only_another_namespace_than_the_default_one_needs_an_option(namespace: str, option: str) -> None:
    assert Workload("Deployment", namespace, "parcel").space == option
    assert msgspec.convert(pod(metadata={"namespace": namespace}), Pod).metadata.space == option


@pytest.mark.parametrize(
    ("restarts", "words"), [(1, ""), (3, "parcel-1 has ended 3 times, and was restarted")]
)
def test_a_pod_whose_container_ends_again_and_again_does_not_stay(restarts: int, words: str) -> None:
    last = {"exitCode": 124, "startedAt": "2026-11-24T22:00:00Z", "finishedAt": "2026-11-24T22:00:20Z"}
    state = {
        "name": "parcel",
        "restartCount": restarts,
        "state": {"running": {"startedAt": "2026-11-24T22:00:21Z"}},
        "lastState": {"terminated": last},
    }
    found = cluster({PODS: {"items": [pod(status={"containerStatuses": [state]})]}})
    clock = SimpleNamespace(now=lambda: moment("2026-11-24T22:00:30Z"))
    found.lab.engine.clock = clock  # type: ignore[assignment]
    assert found.unsteady() == words


def revised(name: str, by: str, revision: str, container: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"kind": "Deployment", "name": by, "controller": True}],
        },
        "spec": {"template": {"spec": {"containers": [{"name": "parcel", **container}]}}},
    }


def test_what_was_ordered_before_is_read_from_a_deployments_replica_sets_with_what_is_named_there() -> None:
    owner = {"kind": "ReplicaSet", "name": "parcel-b", "controller": True}
    space = "/apis/apps/v1/namespaces/default"
    old = revised("parcel-a", "parcel", "9", {"image": "drydock/parcel:1.0"})
    source = {"prefix": "PARCEL_", "configMapRef": {"name": "says"}}
    new = revised("parcel-b", "parcel", "10", {"image": "drydock/parcel:2.0", "envFrom": [source]})
    other = revised("web-a", "web", "11", {"image": "drydock/parcel:1.0"})
    answers = {
        PODS: {"items": [pod(metadata={"ownerReferences": [owner]})]},
        f"{space}/replicasets/parcel-b": new,
        f"{space}/replicasets": {"items": [old, other, new]},
        f"{space}/deployments/parcel": {"metadata": {"name": "parcel"}, "spec": new["spec"]},
        "/api/v1/namespaces/default/configmaps/says": {"data": {"VERSION": "1.0"}},
    }
    (history,) = cluster(answers).orders()
    # What a Deployment says now comes first: a paused one has made no ReplicaSet of it yet.
    assert [each.version for each in history] == ["2.0", "2.0", "1.0"]
    assert ["PARCEL_VERSION" in each.text for each in history] == [True, True, False]
    assert history[0].source == "kubectl describe deployment/parcel"


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc")
def test_of_a_containers_processes_those_are_found_that_listen_at_a_port() -> None:
    class Node:
        def exec(self, command: str) -> Completed:
            assert "tasks ps abc" in command
            # Its only container has only this process.
            ctr = f"ctr() {{ printf 'PID INFO\\n{os.getpid()} -\\n'; }}; "
            done = subprocess.run(["sh", "-c", ctr + command], capture_output=True, check=False)
            return Completed(done.returncode, done.stdout, done.stderr)

    found = cluster({})
    found.lab.node = lambda _: Node()  # type: ignore[assignment, method-assign, return-value]
    one = msgspec.convert(pod(), Pod)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (listens,) = found.processes(one, "parcel", port)
        assert listens.number == os.getpid()
    assert found.processes(one, "parcel", port) == []
    assert [each.number for each in found.processes(one, "parcel")] == [os.getpid()]


# -- nodes -----------------------------------------------------------------------------------------------------


def node(name: str, ready: str = "True", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-28T16:00:00Z"}]
    return {"metadata": {"name": name}, "spec": spec, "status": {"conditions": conditions}}


def with_nodes(*nodes: dict[str, Any], **states: str) -> Kubernetes:
    lab = TheLab(Toolbox({"/api/v1/nodes": {"items": list(nodes)}}))
    lab.engine.states.update(states)
    return Kubernetes(lab)  # type: ignore[arg-type]


def test_nothing_is_wrong_with_nodes_that_run_are_ready_and_take_pods() -> None:
    own = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    assert with_nodes(*(node(name, taints=[own]) for name in NODES)).ailing() == ""


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (node("worker-1", ready="Unknown"), "does not count worker-1 as ready"),
        (node("worker-1", unschedulable=True), "worker-1 takes no new pods"),
        (
            node("worker-1", taints=[{"key": "team", "value": "a", "effect": "NoSchedule"}]),
            "takes no new pods",
        ),
        (
            # What Kubernetes' documentation has for a node that stays lost.
            node("worker-1", taints=[{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]),
            "takes no new pods",
        ),
    ],
)
def test_a_node_that_takes_no_pods_is_told(worker: dict[str, Any], words: str) -> None:
    assert words in with_nodes(node("control-plane"), worker, node("worker-2")).ailing()


@pytest.mark.parametrize(
    ("dns", "trouble", "found"),
    [
        ({"spec": {"replicas": 1}, "status": {"readyReplicas": 1}}, "ImagePullBackOff", {}),
        ({"spec": {"replicas": 1}, "status": {}}, "CrashLoopBackOff", {}),
        ({"spec": {"replicas": 1}, "status": {}}, "ImagePullBackOff", {"coredns": "ImagePullBackOff"}),
        ({"spec": {"replicas": 0}}, "", {"coredns": "gone, or scaled to 0"}),
    ],
)
def test_a_part_of_the_cluster_that_somebody_changed_does_not_run(
    dns: dict[str, Any], trouble: str, found: dict[str, str]
) -> None:
    meter = {"metadata": {"name": "metrics-server"}, "spec": {"replicas": 1}, "status": {"readyReplicas": 1}}
    status = {"containerStatuses": [{"name": "coredns", "state": {"waiting": {"reason": trouble}}}]}
    answers = {
        "/apis/apps/v1/namespaces/kube-system/deployments": {
            "items": [meter, {"metadata": {"name": "coredns"}, **dns}]
        },
        "/api/v1/namespaces/kube-system/pods": {"items": [pod("coredns-1", status=status)]},
    }
    assert cluster(answers).missing_parts() == found


def test_a_node_that_was_deleted_is_not_in_the_list() -> None:
    on = with_nodes(node("control-plane"), node("worker-1", ready="Unknown"))
    assert on.deleted_nodes() == ["worker-2"]
    assert on.unready_nodes() == ["worker-1", "worker-2"]


def test_a_node_that_the_learner_lost_is_told_with_the_way_back() -> None:
    on = with_nodes(**{"worker-2": "exited"})
    assert on.ailing() == "worker-2 is lost: `lab lose 10 --back` brings it back."


def test_a_taint_is_named_as_kubectl_names_it() -> None:
    taint = {"key": "team", "value": "a", "effect": "NoSchedule"}
    (found,) = with_nodes(node("worker-1", taints=[taint]), node("worker-2")).closed_nodes()
    assert [each.title for each in found.spec.taints] == ["team=a:NoSchedule"]


def test_what_a_node_was_told_belongs_to_the_terms_of_a_loss_and_its_state_does_not() -> None:
    def terms(worker: dict[str, Any]) -> str:
        return cluster({PODS: {"items": [pod()]}, "/api/v1/nodes": {"items": [worker]}}).terms()

    as_it_was = terms(node("worker-1"))
    assert terms(node("worker-1", ready="Unknown")) == as_it_was
    assert terms(node("worker-1", unschedulable=True)) != as_it_was


def test_nodes_that_got_ready_after_a_moment_are_known() -> None:
    on = with_nodes(node("worker-1"), node("worker-2", ready="Unknown"))
    assert on.ready_since("2026-11-28T15:59:59Z") == ["worker-1"]
    assert on.ready_since("2026-11-28T16:00:01Z") == []


def after_a_loss(*pods: dict[str, Any], ready: str = "Unknown") -> Kubernetes:
    nodes = [node("control-plane"), node("worker-1", ready=ready), node("worker-2")]
    return cluster({PODS: {"items": list(pods)}, "/api/v1/nodes": {"items": nodes}})


def test_a_copy_that_finds_no_node_after_a_loss_is_given_up_for_the_schedulers_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr(kubernetes, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    said = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes: anti-affinity.",
    }
    waiting = pod("p3", status={"phase": "Pending", "conditions": [said]}, metadata={"uid": "p3"})
    why = after_a_loss(waiting).why_not_replaced("worker-1")
    assert why() == ""
    clock[0] += kubernetes.UNPLACED_SECONDS
    assert "p3 finds no node: 0/3 nodes: anti-affinity." in why()


def bound(kind: str = "ReplicaSet") -> dict[str, Any]:
    one = pod(metadata=owned(kind, "parcel"))
    one["spec"]["tolerations"] = [{"operator": "Exists"}]
    return one


def test_a_copy_that_stays_bound_to_a_lost_node_is_given_up_once_the_node_is() -> None:
    assert after_a_loss(bound(), ready="True").why_not_replaced("worker-1")() == ""
    assert "not all of them run elsewhere" in after_a_loss(bound()).why_not_replaced("worker-1")()


def bound_for(*seconds: int | None) -> dict[str, Any]:
    one = pod(metadata=owned("ReplicaSet", "parcel"))
    one["spec"]["tolerations"] = [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
        | ({} if each is None else {"tolerationSeconds": each})
        for each in seconds
    ]
    return one


def test_a_copy_that_stays_with_a_lost_node_longer_than_it_may_is_given_up_for_that() -> None:
    assert (
        "tolerate a lost node for 600 s" in after_a_loss(bound_for(600)).why_not_replaced("worker-1", 120)()
    )
    assert after_a_loss(bound_for(5)).why_not_replaced("worker-1", 120)() == ""
    assert after_a_loss(bound_for(600)).why_not_replaced("worker-1")() == ""


def test_of_several_times_that_a_copy_stays_with_a_lost_node_the_shortest_counts_as_it_does_to_kubernetes() -> (
    None
):
    assert after_a_loss(bound_for(None, 30)).why_not_replaced("worker-1", 120)() == ""
    assert "for as long as it is lost" in after_a_loss(bound_for(None)).why_not_replaced("worker-1", 120)()


HELPER = {"name": "helper", "image": "drydock/parcel:1.0", "command": ["sleep", "infinity"]}


def test_a_helper_with_parcels_image_that_runs_something_else_is_not_taken_for_parcel() -> None:
    one = pod()
    one["spec"]["containers"] = [HELPER, {"name": "parcel", "image": "drydock/parcel:2.0"}]
    assert [each.version for each in cluster({PODS: {"items": [one]}}).instances()] == ["2.0"]


def test_parcel_that_is_started_by_its_own_command_is_not_mistaken_for_its_helper() -> None:
    one = pod()
    helper = {"name": "helper", "image": "drydock/parcel:1.0", "args": ["sleep", "infinity"]}
    itself = {"name": "parcel", "image": "drydock/parcel:2.0", "command": ["python3", "/app/parcel.py"]}
    one["spec"]["containers"] = [helper, itself]
    assert [each.version for each in cluster({PODS: {"items": [one]}}).instances()] == ["2.0"]


def test_parcel_with_a_command_of_its_own_is_parcel_still() -> None:
    one = pod()
    one["spec"]["containers"] = [HELPER]
    assert [each.version for each in cluster({PODS: {"items": [one]}}).instances()] == ["1.0"]


def test_a_daemon_set_s_copies_are_not_blamed_for_what_their_kind_does() -> None:
    assert after_a_loss(bound("DaemonSet")).why_not_replaced("worker-1")() == ""


# -- what could not be created ---------------------------------------------------------------------------------

FAILED = "/api/v1/events?fieldSelector=reason%3DFailedCreate"
REPLICA_SET = "/apis/apps/v1/namespaces/default/replicasets/parcel-77"


def refusal(uid: str = "u1") -> dict[str, Any]:
    about = {
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "namespace": "default",
        "name": "parcel-77",
        "uid": uid,
    }
    return {"message": "exceeded quota", "lastTimestamp": "2026-11-28T16:00:00Z", "involvedObject": about}


def replica_set(image: str) -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"name": "parcel", "image": image}]}}}
    return {"metadata": {"uid": "u1"}, "spec": spec}


def test_a_refusal_is_told_as_long_as_what_was_refused_is_still_wanted() -> None:
    on = cluster({FAILED: {"items": [refusal()]}, REPLICA_SET: replica_set("drydock/parcel:1.0")})
    assert on.last_failure() == "exceeded quota"


@pytest.mark.parametrize(
    ("event", "there"),
    [
        (refusal(), {}),
        (refusal("older"), {REPLICA_SET: replica_set("drydock/parcel:1.0")}),
        (refusal(), {REPLICA_SET: replica_set("drydock/pause:1.0")}),
    ],
)
def test_a_refusal_of_what_is_gone_or_of_something_else_is_not_told(
    event: dict[str, Any], there: dict[str, Any]
) -> None:
    assert cluster({FAILED: {"items": [event]}, **there}).last_failure() == ""


def test_a_deployment_that_makes_no_copies_says_why() -> None:
    def deployment(name: str, image: str = "drydock/parcel:1.0", **spec: Any) -> dict[str, Any]:
        template = {"spec": {"containers": [{"name": "parcel", "image": image}]}}
        return {"metadata": {"name": name, "namespace": "default"}, "spec": {"template": template, **spec}}

    found = [
        deployment("none", replicas=0),
        deployment("held", replicas=3, paused=True),
        deployment("other", "drydock/pause:1.0", replicas=0),
    ]
    on = cluster({"/apis/apps/v1/deployments": {"items": found}})
    assert on.idle() == [("deployment/none", "wants 0 copies"), ("deployment/held", "is paused")]


def test_what_waits_for_an_image_that_is_not_parcels_is_found() -> None:
    waiting = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}
    typo = pod("typo", image="parcel:1.0", status=waiting)
    bad = pod("bad", image="drydock/parcel:9.9", status=waiting)
    found = cluster({PODS: {"items": [typo, bad, pod("other", image="drydock/pause:1.0")]}}).misnamed()
    assert [each.metadata.name for each in found] == ["typo"]


def test_the_largest_node_says_what_is_too_much() -> None:
    small, large = node("worker-1"), node("worker-2")
    small["status"]["capacity"], large["status"]["capacity"] = {"memory": "1Gi"}, {"memory": "2Gi"}
    assert with_nodes(small, large).largest("memory") == 2 * 2**30
    assert cluster({}).largest("memory") == 0


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"httpGet": {"path": "/readyz", "port": 8080}}, "/readyz on port 8080"),
        ({"tcpSocket": {"port": 80}}, "whether port 80 is open"),
        ({"grpc": {"port": 8080}}, "by gRPC on port 8080"),
        ({"exec": {"command": ["cat", "/srv/healthy"]}}, "by the command `cat /srv/healthy`"),
    ],
)
def test_a_probe_says_what_it_asks(probe: dict[str, Any], words: str) -> None:
    assert msgspec.convert(probe, Probe).asks == words


# -- what a pod asks for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("20m", 0.02),
        ("0", 0),
        ("1", 1),
        ("32Mi", 32 * 2**20),
        ("96m", 0.096),
        ("1e3", 1000),
        ("1.5G", 1.5e9),
        ("x", 0),
    ],
)
def test_an_amount_is_read_with_its_unit(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


def test_what_a_pod_says_for_all_its_containers_counts_for_each() -> None:
    raw = pod()
    raw["spec"]["resources"] = {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "96Mi"}}
    raw["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
    one = msgspec.convert(raw, Pod, strict=False)
    found = resources_of(one, one.spec.containers[0])
    assert found.requests == {"cpu": "20m", "memory": "32Mi"}
    assert found.limits == {"cpu": "1", "memory": "96Mi"}


@pytest.mark.parametrize(
    ("probe", "seconds"),
    [
        ({"periodSeconds": 10, "failureThreshold": 3, "initialDelaySeconds": 30}, 31),
        ({"periodSeconds": 1, "failureThreshold": 3, "timeoutSeconds": 8}, 25),
        ({}, 31),
    ],
)
def test_a_hang_is_noticed_after_its_probe_s_failures_whatever_its_delay(
    probe: dict[str, int], seconds: int
) -> None:
    raw = pod()
    raw["spec"]["containers"][0]["livenessProbe"] = probe
    found = msgspec.convert(raw, Pod, strict=False).spec.containers[0].liveness_probe
    assert found is not None
    assert found.noticed_after == seconds


# -- what does not answer --------------------------------------------------------------------------------------


def test_a_pod_that_does_not_answer_in_time_is_no_answer_and_no_fault_of_the_api() -> None:
    toolbox = Toolbox({}, rc=28, complaint="curl: (28) Operation timed out after 1001 milliseconds")
    status, said = Api(TheLab(toolbox)).knock("/x")  # type: ignore[arg-type]
    assert (status, said) == (0, toolbox.complaint)


def test_a_pod_that_the_api_server_does_not_reach_is_told_in_its_words() -> None:
    refused = {"kind": "Status", "code": 503, "message": "error trying to reach service: no route to host"}
    status, said = Api(TheLab(Toolbox({"/x": refused}))).knock("/x")  # type: ignore[arg-type]
    assert (status, said) == (503, refused["message"])


def test_an_api_server_that_cannot_be_asked_ends_the_check_without_a_verdict() -> None:
    with pytest.raises(CouldNotRun, match="Failed to connect"):
        Api(TheLab(Toolbox({}, rc=7))).knock("/x")  # type: ignore[arg-type]
