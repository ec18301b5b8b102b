"""A class on a cluster, without one: its objects, who may reach whom, how much it takes, and what is told when it does not start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from checker.classroom.hub import deployment, manifests, pods
from checker.classroom.hub.kubectl import Kubectl
from checker.classroom.hub.manifests import Size, Wanted
from checker.classroom.hub.scale import MOST_PODS, Node, node_of, scale
from checker.classroom.plan import plan
from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.engine.capacity import GB
from checker.errors import LabError, MisuseError
from tests.conftest import ROOT

WANTED = Wanted(
    namespace="school",
    name='Containers, "Monday": part 1',
    seats=30,
    size=Size(memory=GB, disk=3 * GB, images=GB),
    image="registry.example/drydock/class:1.0",
    config="c = get_config()",
    storage_class="fast",
    nodes=(("pool", "class"),),
)


def _of(kind: str, wanted: Wanted = WANTED) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in manifests.objects(wanted) if each["kind"] == kind}


def _templates() -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for each in _of("Deployment").values()]


def test_everything_is_in_the_classs_namespace() -> None:
    assert {each["metadata"]["namespace"] for each in manifests.objects(WANTED)} == {"school"}


def test_a_name_with_quotes_and_colons_stays_one_word() -> None:
    board = _of("Deployment")["board"]["spec"]["template"]["spec"]["containers"][0]
    assert board["args"][-1] == WANTED.name


def test_every_part_runs_the_image_that_was_named_on_the_nodes_that_were_named() -> None:
    for pod in _templates():
        assert pod["nodeSelector"] == {"pool": "class"}
        assert {each["image"] for each in [*pod["containers"], *pod.get("initContainers", [])]} == {
            WANTED.image
        }


def test_nothing_but_the_hub_has_an_identity_in_the_cluster_and_nothing_runs_as_root() -> None:
    for name, each in _of("Deployment").items():
        pod = each["spec"]["template"]["spec"]
        assert (pod.get("automountServiceAccountToken") is False) == (name != "hub")
        assert pod["securityContext"]["runAsNonRoot"]
        assert all(not one["securityContext"].get("privileged") for one in pod["containers"])


def test_the_hub_may_change_pods_and_volumes_of_its_namespace_and_no_roles() -> None:
    rules = _of("Role")["hub"]["rules"]
    assert {group for rule in rules for group in rule["apiGroups"]} == {""}
    assert "ClusterRole" not in {each["kind"] for each in manifests.objects(WANTED)}


def test_every_container_has_a_memory_limit_because_the_quota_asks_for_one() -> None:
    for pod in [*_templates(), manifests.probe(WANTED)["spec"]]:
        for each in [*pod["containers"], *pod.get("initContainers", [])]:
            assert each["resources"]["limits"]["memory"]


def test_the_quota_holds_all_seats_and_the_rest() -> None:
    hard = _of("ResourceQuota")["class"]["spec"]["hard"]
    assert int(hard["limits.memory"]) >= 30 * manifests.seat_memory(WANTED.size)
    assert int(hard["pods"]) > 30


def test_a_seat_is_reached_by_proxy_and_hub_alone_and_reaches_no_other_seat() -> None:
    policies = _of("NetworkPolicy")
    assert policies["nothing"]["spec"]["podSelector"] == {}
    seat = policies["seat"]["spec"]
    asked = {
        one["podSelector"]["matchLabels"]["drydock-role"] for rule in seat["ingress"] for one in rule["from"]
    }
    assert asked == {"proxy", "hub"}
    reached = {
        one["podSelector"]["matchLabels"]["drydock-role"]
        for rule in seat["egress"]
        for one in rule.get("to", ())
    }
    assert reached == {"hub", "registry", "board"}
    anywhere = [rule for rule in seat["egress"] if "to" not in rule]
    assert {port["port"] for rule in anywhere for port in rule["ports"]} == {53}


def test_volumes_are_of_the_class_that_was_named_or_of_the_clusters_own() -> None:
    assert {each["spec"]["storageClassName"] for each in _of("PersistentVolumeClaim").values()} == {"fast"}
    usual = manifests.Wanted(
        **{**{k: getattr(WANTED, k) for k in WANTED.__dataclass_fields__}, "storage_class": ""}
    )
    assert all(
        "storageClassName" not in each["spec"] for each in _of("PersistentVolumeClaim", usual).values()
    )


def test_another_configuration_makes_another_hub() -> None:
    def mark(wanted: Wanted) -> str:
        return str(_of("Deployment", wanted)["hub"]["spec"]["template"]["metadata"]["annotations"])

    fields = {name: getattr(WANTED, name) for name in WANTED.__dataclass_fields__}
    assert mark(WANTED) != mark(Wanted(**{**fields, "idle_seconds": 60}))
    assert mark(WANTED) != mark(Wanted(**{**fields, "config": "c = None"}))
    assert mark(WANTED) == mark(Wanted(**fields))


def test_the_hubs_configuration_reads_every_setting_that_is_written_and_no_other() -> None:
    text = (ROOT / "images/class/jupyterhub_config.py").read_text(encoding="utf-8")
    read = set(text.split('SETTINGS["')[1:]) | set(text.split("SETTINGS['")[1:])
    assert {each.partition('"')[0].partition("'")[0] for each in read} == set(manifests.settings(WANTED))


class _Said(Kubectl):
    """A cluster that says what a test gave it."""

    def __init__(self, **objects: dict[str, Any] | None) -> None:
        self.context, self.namespace, self._objects = "ours", "school", objects

    def find(self, *words: str) -> dict[str, Any] | None:
        return self._objects.get(words[0])


def _pod(part: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": part, "labels": {"drydock-role": part}}, "status": status}


def _deployment(name: str, *, ready: int) -> dict[str, Any]:
    status = {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": ready, "replicas": 1}
    return {"metadata": {"name": name, "generation": 1}, "status": status}


def test_an_image_that_no_node_can_pull_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "PULL_AGAIN_SECONDS", -1.0)
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found\nmore"}}}
    said = _Said(
        deployments={"items": [_deployment("hub", ready=0), _deployment("proxy", ready=1)]},
        pods={"items": [_pod("hub", containerStatuses=[waiting])]},
    )
    with pytest.raises(LabError) as raised:
        pods.await_ready(said, lambda _: None)
    assert "hub (ImagePullBackOff: not found)" in raised.value.what
    assert "lab images publish" in raised.value.remedy


def test_a_pod_without_a_place_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes have enough memory"}
    said = _Said(
        deployments={"items": [_deployment("hub", ready=0)]},
        pods={"items": [_pod("hub", conditions=[condition])]},
    )
    with pytest.raises(LabError, match="enough memory"):
        pods.await_ready(said, lambda _: None, seconds=-1)


def test_a_namespace_that_somebody_else_made_is_refused() -> None:
    with pytest.raises(MisuseError, match="did not make it"):
        deployment.require_ours(_Said(namespace={"metadata": {"labels": {}}}))
    deployment.require_ours(_Said(namespace={"metadata": {"labels": {manifests.MARK: "true"}}}))
    deployment.require_ours(_Said())


@pytest.mark.parametrize("text", ["16:64", "a:b:c", "0:64:500", "16:64:500:1", ""])
def test_a_node_that_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match="is not a node"):
        node_of(text)


def test_the_scarcest_thing_of_a_node_decides_how_many_seats_it_has() -> None:
    room = plan(Catalogue(find(ROOT)).several(["1"]), 200, 1000)
    large = Node(500, 5000 * GB, 50_000 * GB)
    assert scale(room, large, hours=1, price=1).seats_a_node == MOST_PODS
    few_cores = scale(room, Node(2, 5000 * GB, 50_000 * GB), hours=1, price=1)
    assert few_cores.seats_a_node == few_cores.by_cores == 7
    little_disk = scale(room, Node(500, 5000 * GB, room.disk * 2), hours=1, price=1)
    assert little_disk.seats_a_node == little_disk.by_disk == 2


def test_a_lost_node_has_one_to_spare_and_more_than_a_thousand_have_several_hubs() -> None:
    labs = Catalogue(find(ROOT)).several(["1"])
    node = Node(16, 64 * GB, 500 * GB)
    thousand = scale(plan(labs, 1000, 1000), node, hours=3, price=2)
    assert thousand.nodes >= -(-1000 // thousand.seats_a_node) + 1
    assert thousand.cost == thousand.nodes * 6
    assert thousand.hubs == 1
    assert scale(plan(labs, 1001, 1000), node, hours=3, price=2).hubs == 2


def test_a_seat_that_fits_on_no_node_is_told() -> None:
    room = plan(Catalogue(find(ROOT)).several(["10"]), 1, 1000)
    with pytest.raises(MisuseError, match="Not one seat"):
        scale(room, Node(2, GB, 500 * GB), hours=1, price=0)


def test_the_settings_are_one_json_document_for_the_hub() -> None:
    held = _of("ConfigMap")["settings"]["data"]
    assert json.loads(held["settings.json"])["nodes"] == {"pool": "class"}
    assert held["jupyterhub_config.py"] == WANTED.config
