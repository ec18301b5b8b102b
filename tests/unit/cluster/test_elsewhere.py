"""Kubernetes on another's cluster as checks see it: one namespace, one identity, and no machine that is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kubernetes_api import as_learner
from checker.cluster.kubernetes_records import Pod
from checker.engine.shell import Completed
from checker.grading.verdicts import CouldNotRun
from checker.scene.chosen import Kept

CHOICE = Kept(
    context="kind-kind",
    namespace="drydock-97",
    owner="me",
    nodes=("a", "b"),
    server="https://kind-control-plane:6443",
    server_name="127.0.0.1",
)


@dataclass
class Toolbox:
    """A toolbox whose curl gives the same answer to all."""

    answer: dict[str, Any]
    code: int = 200
    asked: list[str] = field(default_factory=list)

    def exec(self, command: str, timeout: float = 0) -> Completed:  # noqa: ARG002
        """Answer as curl would."""
        self.asked.append(command)
        return Completed(0, f"{json.dumps(self.answer)}\x1e{self.code}\x1e".encode(), b"")


class TheLab:
    """A lab with nothing but that toolbox."""

    number = "97"

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox

    def node(self, service: str) -> Toolbox:
        """Give the toolbox; a cluster of somebody's has no other part of ours."""
        assert service == "toolbox"
        return self.toolbox


def cluster(toolbox: Toolbox, choice: Kept = CHOICE) -> Elsewhere:
    return Elsewhere(TheLab(toolbox), choice)  # type: ignore[arg-type]


def pod(image: str = "drydock/parcel:1.0", tolerations: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "metadata": {"name": "parcel-1", "namespace": "drydock-97"},
        "spec": {
            "nodeName": "a",
            "containers": [{"name": "parcel", "image": image}],
            "tolerations": list(tolerations),
        },
        "status": {"phase": "Running"},
    }


def test_copies_are_looked_for_in_the_lab_s_namespace_alone_and_as_the_learner() -> None:
    toolbox = Toolbox({"items": [pod()]})
    found = cluster(toolbox)
    assert [each.id for each in found.instances()] == ["parcel-1"]
    assert found.shows() == "kubectl get pods --output wide"
    assert all("https://127.0.0.1:6443/api/v1/namespaces/drydock-97/pods" in each for each in toolbox.asked)
    assert all("--connect-to ::kind-control-plane:6443" in each for each in toolbox.asked)
    assert all("-H @/kubeconfig/header" in each and "--cert" not in each for each in toolbox.asked)


def test_copies_are_known_by_the_name_that_the_cluster_has_for_the_image() -> None:
    there = msgspec.structs.replace(CHOICE, prefix="registry.example/class")
    known = pod("registry.example/class/parcel:2.0")
    assert [each.version for each in cluster(Toolbox({"items": [known, pod()]}), there).instances()] == [
        "2.0"
    ]


def test_no_machine_of_another_s_is_touched() -> None:
    found = cluster(Toolbox({"items": [pod()]}))
    for touch in (found.lose, found.bring_back):
        with pytest.raises(CouldNotRun, match="not the lab's"):
            touch("a")
    with pytest.raises(CouldNotRun, match="not the lab's"):
        found.crash(found.instances()[0])


def test_an_image_that_cannot_be_is_on_no_registry() -> None:
    assert cluster(Toolbox({})).bad_image.startswith("drydock.invalid/")


@pytest.mark.parametrize("prefix", ["", "registry.example/class"])
def test_a_copy_of_the_bad_release_counts_as_a_copy_though_its_image_has_another_name(prefix: str) -> None:
    choice = msgspec.structs.replace(CHOICE, prefix=prefix)
    bad = Elsewhere.bad_image
    found = cluster(Toolbox({"items": [pod(bad)]}), choice)
    assert [each.image for each in found.instances()] == [bad]
    assert found.has_reached(bad)
    assert not cluster(Toolbox({"items": [pod(choice.parcel + ":1.0")]}), choice).has_reached(bad)


def test_what_the_identity_may_do_outside_is_told() -> None:
    assert cluster(Toolbox({"status": {"allowed": False}})).may_touch_more() == ""
    assert (
        "delete deployments in kube-system"
        in cluster(Toolbox({"status": {"allowed": True}})).may_touch_more()
    )


def test_a_token_that_ran_out_is_no_wrong_answer() -> None:
    with pytest.raises(CouldNotRun, match="`lab start 97` gets a new one"):
        cluster(Toolbox({"message": "Unauthorized"}, 401)).instances()


@pytest.mark.parametrize(
    ("toleration", "stays"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}, True),
        (
            {
                "key": "node.kubernetes.io/unreachable",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            },
            False,
        ),
        ({"operator": "Exists", "effect": "NoSchedule"}, False),
        ({"key": "gpu", "operator": "Exists"}, False),
    ],
)
def test_a_copy_that_puts_up_with_a_lost_node_for_ever_is_known(
    toleration: dict[str, Any], stays: bool
) -> None:
    made = msgspec.convert(pod(tolerations=(toleration,)), Pod, strict=False)
    assert Elsewhere.outstays(made) is stays


def test_a_server_without_a_port_or_encryption_is_reached_too() -> None:
    at_443 = msgspec.structs.replace(
        CHOICE, server="https://cluster.example/k8s/c-1", server_name="cluster.example"
    )
    server, options = as_learner(at_443)
    assert server == "https://cluster.example:443/k8s/c-1"
    assert "--connect-to ::cluster.example:443" in options
    plain = msgspec.structs.replace(CHOICE, server="http://host.docker.internal:8001")
    assert as_learner(plain) == ("http://host.docker.internal:8001", "-H @/kubeconfig/header")
