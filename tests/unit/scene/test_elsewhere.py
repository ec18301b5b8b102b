"""A scene on another's cluster: the way there, its nodes among our containers, what is kept, and what is adapted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.errors import LabError, MisuseError
from checker.external.kubeconfig import Context, User
from checker.scene import adapted, chosen, cluster_images, elsewhere, reach
from checker.scene.chosen import Kept, Wish
from checker.scene.cluster_images import Node
from tests.unit.external.clusters import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Course

CHOICE = Kept(context="kind-kind", namespace="drydock-97", owner="me", files=("/nowhere/config",))


def container(
    name: str, networks: dict[str, str], *, ports: Sequence[tuple[int, int]] = (), service: str = ""
) -> dict[str, Any]:
    return {
        "Id": f"id of {name}",
        "Names": [f"/{name}"],
        "State": "running",
        "Labels": {"com.docker.compose.service": service} if service else {},
        "Ports": [
            {"PrivatePort": inside, "PublicPort": outside, "IP": "127.0.0.1"} for inside, outside in ports
        ],
        "NetworkSettings": {
            "Networks": {network: {"IPAddress": address} for network, address in networks.items()}
        },
    }


# -- the way there --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", True), ("::1", True), ("10.0.0.7", False)],  # noqa: S104
)
def test_the_own_machine_is_known_by_its_address(host: str, own: bool) -> None:
    assert reach.is_own_machine(host) is own


def test_a_container_that_publishes_the_port_is_reached_by_name_on_its_network() -> None:
    kind = container("kind-control-plane", {"kind": "172.18.0.2"}, ports=[(6443, 40001)])
    other = container("web", {"bridge": "172.17.0.2"}, ports=[(80, 8080)])
    found = list(reach.behind([other, kind], "127.0.0.1", 40001, at_home=True))
    assert [(way.host, way.port, way.network) for way, _ in found] == [("kind-control-plane", 6443, "kind")]


def test_an_address_of_another_network_of_the_engine_is_known_as_its_container_s() -> None:
    plain = container("k3s", {"bridge": "172.17.0.5"})
    found = list(reach.behind([plain], "172.17.0.5", 6443, at_home=False))
    assert [(way.host, way.port, way.network) for way, _ in found] == [("172.17.0.5", 6443, "bridge")]
    assert list(reach.behind([plain], "172.17.0.6", 6443, at_home=False)) == []


def test_a_container_that_ended_stands_behind_nothing() -> None:
    ended = container("kind-control-plane", {"kind": ""}, ports=[(6443, 40001)]) | {"State": "exited"}
    assert list(reach.behind([ended], "127.0.0.1", 40001, at_home=True)) == []


def test_the_way_becomes_a_part_of_the_scene() -> None:
    joined = reach.Route("kind-control-plane", 6443, network="kind").parts()
    assert joined["networks"]["cluster"] == {"external": True, "name": "kind"}
    assert set(joined["services"]) == {"toolbox", "tunnel"}
    relayed = reach.Route(reach.MACHINE, 6443, relay="172.17.0.1:6443 127.0.0.1:6443").parts()
    relay = relayed["services"]["relay"]
    assert relay["network_mode"] == "host"
    assert "bind 172.17.0.1:6443" in relay["entrypoint"][-1]


# -- the images -----------------------------------------------------------------------------------------------


def item(
    name: str, *, taint: str = "", runtime: str = "containerd://2.0", ready: str = "True"
) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"taints": [{"key": "k", "effect": taint}]} if taint else {},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "addresses": [
                {"type": "InternalIP", "address": "172.18.0.2"},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {"containerRuntimeVersion": runtime},
        },
    }


class Listed:
    """An API server that knows nodes."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items

    def get(self, path: str) -> Any:
        """Return them."""
        assert path == "/api/v1/nodes"
        return {"items": list(self.items)}


def test_a_node_that_takes_no_pods_needs_no_images() -> None:
    listed: Any = Listed(
        item("a", taint="NoSchedule"), item("b", taint="PreferNoSchedule"), item("c", ready="Unknown")
    )
    found = cluster_images.nodes(listed)
    assert [(each.name, each.takes_pods, each.runtime) for each in found] == [
        ("a", False, "containerd"),
        ("b", True, "containerd"),
    ]


def test_a_container_is_a_node_by_name_and_address_both() -> None:
    nodes = [Node("worker-1", ("172.18.0.2",), "containerd", takes_pods=True)]
    ours = container("stranger-worker-1-1", {"stranger": "172.18.0.2"}, service="worker-1")
    same_name = container("lab-worker-1-1", {"lab": "172.20.0.9"}, service="worker-1")
    same_address = container("web", {"web": "172.18.0.2"})
    assert cluster_images.containers_of(nodes, [same_name, same_address]) == {}
    assert cluster_images.containers_of(nodes, [same_name, ours, same_address]) == {
        "worker-1": "id of stranger-worker-1-1"
    }


class Engine:
    """An engine that lists containers."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = list(items)

    def list_all(self, kind: str) -> list[dict[str, Any]]:
        """List them."""
        assert kind == "containers"
        return self.items


def test_nodes_here_are_given_the_images_and_others_are_tried() -> None:
    here = Node("kind-worker", ("172.18.0.2",), "containerd", takes_pods=True)
    away = Node("pi", ("10.0.0.7",), "containerd", takes_pods=True)
    strange = Node("kind-odd", ("172.18.0.4",), "cri-o", takes_pods=True)
    engine = Engine(
        container("kind-worker", {"kind": "172.18.0.2"}), container("kind-odd", {"kind": "172.18.0.4"})
    )
    plan = cluster_images.plan(engine, [here, away, strange], "", "mixed")  # type: ignore[arg-type]
    assert plan.containers == {cluster_images.LOADS["containerd"]: {"kind-worker": "id of kind-worker"}}
    assert plan.tried == ("pi", "kind-odd")
    assert not plan.pulled
    by_registry = cluster_images.plan(engine, [here, away], "registry.example/class", "mixed")  # type: ignore[arg-type]
    assert (by_registry.containers, by_registry.tried, by_registry.pulled) == (
        {},
        ("kind-worker", "pi"),
        True,
    )
    assert cluster_images.plan(engine, [], "", "hidden").tried == ("",)  # type: ignore[arg-type]


def test_a_cluster_without_a_node_for_pods_is_refused() -> None:
    full = Node("a", (), "containerd", takes_pods=False)
    with pytest.raises(LabError, match="no node that accepts pods"):
        cluster_images.plan(Engine(), [full], "", "full")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([{"waiting": {"reason": "ContainerCreating"}}, {}], None),
        ([{"terminated": {"exitCode": 0}}, {"running": {}}], None),
        ([{"terminated": {"exitCode": 0}}, {"terminated": {"exitCode": 0}}], ""),
        ([{"waiting": {"reason": "ErrImageNeverPull"}}, {}], "parcel-0: ErrImageNeverPull"),
        (
            [{"terminated": {"exitCode": 128, "message": "exec format error"}}, {}],
            "parcel-0: exec format error",
        ),
    ],
)
def test_a_pod_that_tries_says_what_it_came_to(states: list[dict[str, Any]], said: str | None) -> None:
    statuses = [{"image": f"parcel-{number}", "state": state} for number, state in enumerate(states)]
    assert cluster_images._look({"status": {"containerStatuses": statuses}}) == said


def test_where_the_images_cannot_come_from_is_told_with_both_ways_out() -> None:
    absent = cluster_images._missing(
        "cloud", {"pool-1": "parcel:1.0: ErrImageNeverPull"}, "drydock/parcel", pulled=False
    )
    assert "--image-prefix" in absent.remedy
    assert "pool-1" in absent.what
    unpushed = cluster_images._missing(
        "cloud", {"pool-1": "ErrImagePull"}, "registry.example/class/parcel", pulled=True
    )
    assert "docker push registry.example/class/parcel:2.0" in unpushed.remedy


# -- what is kept ---------------------------------------------------------------------------------------------


def settle(course: Course, wish: Wish | None, *, started: bool = False) -> Kept | None:
    lab = course.lab(files={elsewhere.COMPOSE: "services: {}"})
    return elsewhere.settle(course.places, lab, None, wish, lambda _: None, started=started)  # type: ignore[arg-type]


def test_without_a_wish_and_a_choice_the_lab_has_its_own_cluster(course: Course) -> None:
    assert settle(course, None) is None
    assert elsewhere.leave(course.places, course.lab()) == []


def test_a_state_folder_that_is_a_file_holds_no_choice(course: Course) -> None:
    course.places.state.parent.mkdir(parents=True, exist_ok=True)
    course.places.state.write_text("in the way\n")
    assert chosen.kept(course.places, course.lab()) is None


def test_a_state_folder_that_is_a_link_to_itself_holds_no_choice(course: Course) -> None:
    course.places.state.parent.mkdir(parents=True, exist_ok=True)
    course.places.state.symlink_to(course.places.state.name)
    assert chosen.kept(course.places, course.lab()) is None


def test_what_is_kept_is_for_nobody_else_and_goes(course: Course) -> None:
    lab = course.lab()
    chosen.keep(course.places, lab, CHOICE)
    chosen.write(chosen.toolbox_folder(course.places, lab), {"token": b"secret"})
    assert chosen.kept(course.places, lab) == CHOICE
    folder = chosen.folder_of(course.places, lab)
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "toolbox")} == {0o700}
    chosen.forget(course.places, lab)
    assert not folder.exists()
    assert chosen.kept(course.places, lab) is None


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish("k3d-other"), "started on the cluster of `kind-kind`"),
        (Wish("kind-kind", namespace="mine"), "started on the cluster of `kind-kind`"),
    ],
)
def test_another_cluster_is_refused_until_the_lab_is_stopped(course: Course, wish: Wish, said: str) -> None:
    chosen.keep(course.places, course.lab(), CHOICE)
    with pytest.raises(MisuseError, match=said) as caught:
        settle(course, wish)
    assert "lab stop 97" in caught.value.remedy


def test_a_lab_on_its_own_cluster_has_to_be_stopped_first(course: Course) -> None:
    with pytest.raises(MisuseError, match="on its own cluster"):
        settle(course, Wish("kind-kind"), started=True)


def test_a_lab_that_brings_its_own_machines_runs_on_no_other(course: Course) -> None:
    with pytest.raises(MisuseError, match="cannot run on another cluster"):
        elsewhere.settle(course.places, course.lab(), None, Wish("kind-kind"), lambda _: None, started=False)  # type: ignore[arg-type]


def test_a_cluster_that_is_gone_is_told_with_what_to_remove(course: Course) -> None:
    chosen.keep(course.places, course.lab(), CHOICE)
    with pytest.raises(
        LabError, match="drydock-97 could not be removed from the cluster of `kind-kind`"
    ) as caught:
        elsewhere.leave(course.places, course.lab())
    assert str(chosen.folder_of(course.places, course.lab())) in caught.value.remedy
    assert chosen.kept(course.places, course.lab()) is not None, "what is to be removed must not be forgotten"


# -- a start that fails ---------------------------------------------------------------------------------------


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Give a cluster of the learner's own, with a namespace of theirs, that our toolbox can reach."""
    cluster = Cluster({"/api/v1/namespaces/theirs": {}, "/api/v1/nodes": {"items": []}})
    cluster.things["/api/v1/services"] = {"items": []}
    monkeypatch.setattr("checker.external.kubeconfig.read", lambda *_: cluster.context)
    monkeypatch.setattr("checker.external.server.Server", lambda _: cluster)
    monkeypatch.setattr(reach, "find", lambda *_: reach.Route("kind-control-plane", 6443, network="kind"))
    monkeypatch.setattr(cluster_images, "plan", lambda *_: cluster_images.Plan({}, (), pulled=False))
    monkeypatch.setattr(cluster_images, "bring", lambda *_: None)
    return cluster


def fail(*_: object) -> None:
    raise LabError("no room on the disk")


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("fault", [fail, interrupt])
@pytest.mark.parametrize("where", ["images", "files"])
def test_a_first_start_that_fails_leaves_nothing_in_the_cluster_and_no_choice(
    course: Course, theirs: Cluster, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., None], where: str
) -> None:
    before = set(theirs.things)
    monkeypatch.setattr(
        *((cluster_images, "bring", fault) if where == "images" else (elsewhere, "write", fault))
    )
    with pytest.raises((LabError, KeyboardInterrupt)):
        settle(course, Wish("mine"))
    assert any("drydock-97" in each for each in theirs.sent), "it did fail after something was made"
    left = {each for each in theirs.things if "/rolebindings/" not in each} - before
    assert left == set()
    assert chosen.kept(course.places, course.lab()) is None
    assert not chosen.folder_of(course.places, course.lab()).exists()


def test_a_start_that_fails_where_the_lab_runs_already_leaves_it_as_it_was(
    course: Course, theirs: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = settle(course, Wish("mine"))
    assert first is not None
    made = set(theirs.things)
    monkeypatch.setattr(cluster_images, "bring", fail)
    with pytest.raises(LabError, match="no room"):
        settle(course, None, started=True)
    assert set(theirs.things) == made
    assert chosen.kept(course.places, course.lab()) == first


@pytest.mark.parametrize("name", ["kube-system", "Upper", "-x", "x" * 64, "a b"])
def test_a_namespace_s_name_is_one(course: Course, theirs: Cluster, name: str) -> None:
    with pytest.raises(MisuseError, match="cannot be the name"):
        settle(course, Wish("mine", namespace=name))
    assert theirs.sent == []
    assert chosen.kept(course.places, course.lab()) is None


def test_the_toolbox_gets_one_identity_in_the_labs_namespace_and_its_token_apart(
    course: Course, theirs: Cluster
) -> None:
    choice = settle(course, Wish("mine"))
    assert choice is not None
    assert (choice.context, choice.namespace, choice.server_name) == ("mine", "drydock-97", "mine")
    assert "/api/v1/namespaces/drydock-97" in theirs.things
    toolbox = chosen.toolbox_folder(course.places, course.lab())
    config = json.loads((toolbox / "config").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://kind-control-plane:6443"
    assert config["clusters"][0]["cluster"]["tls-server-name"] == "mine"
    assert config["contexts"][0]["context"]["namespace"] == "drydock-97"
    assert len(config["contexts"]) == len(config["users"]) == 1
    holding = [file.name for file in toolbox.iterdir() if b"secret" in file.read_bytes()]
    assert holding
    assert "config" not in holding


# -- what is adapted ------------------------------------------------------------------------------------------


def test_an_answer_names_the_images_as_the_cluster_knows_them_and_no_port_of_another_s() -> None:
    manifest = "  image: drydock/parcel:1.0\n      nodePort: 30080\n"
    assert adapted.adapted(manifest, CHOICE) == manifest
    there = msgspec.structs.replace(CHOICE, prefix="registry.example/class", port_taken=True)
    assert adapted.adapted(manifest, there) == "  image: registry.example/class/parcel:1.0\n"
    assert (
        adapted.adapted("other/drydock/parcel:1.0 drydock/parcels", there)
        == "other/drydock/parcel:1.0 drydock/parcels"
    )


def test_what_differs_is_told() -> None:
    lonely = msgspec.structs.replace(CHOICE, nodes=("one",), port_taken=True, prefix="registry.example/class")
    said = " ".join(adapted.notes(lonely, _lab()))
    for words in (
        "drydock-97",
        "one node",
        "30080",
        "registry.example/class/parcel",
        "read nodes",
        "API server",
    ):
        assert words in said


def _lab() -> Any:
    class Lab:
        """A lab with nothing but its number."""

        number = "97"

    return Lab()


def test_a_context_s_name_in_the_certificate_is_the_address_unless_told() -> None:
    assert Context("a", "https://[::1]:6443", User()).expected_name == "::1"
