"""Services with names: which copy a name leads to, what it stores, and that a node that was closed is open again."""

from __future__ import annotations

import contextlib
import io
import tarfile
from typing import TYPE_CHECKING, Any, cast

import pytest

from checker.cluster.kubernetes_api import Refused
from checker.cluster.named import SMALL_BYTES, OnNetwork, leading, revision_of, stores_of
from checker.cluster.named_kubernetes import NamedOnKubernetes
from checker.cluster.named_swarm import NamedOnSwarm
from checker.cluster.swarm_records import Service, Task
from checker.engine import api
from checker.engine.api import COMPOSE_ONE_OFF, COMPOSE_SERVICE, ROLE, NotFoundError, UnreadableLogsError
from checker.grading.verdicts import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.cluster.kubernetes_api import Api
    from checker.cluster.swarm import Swarm
    from checker.grading.author import Lab


def container(name: str, *, labels: dict[str, str] | None = None, image: str = "sha256:1") -> dict[str, Any]:
    """Return an engine's record of a running container on the network."""
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}",
        "Image": image,
        "Created": "2026-11-29T12:00:00Z",
        "State": {"Running": True, "StartedAt": "2026-11-29T12:00:01Z"},
        "Config": {"Env": ["A=1"], "Labels": labels or {}},
        "NetworkSettings": {"Networks": {"net": {"Aliases": [name.partition("-")[2]]}}},
        "Mounts": [{"Type": "volume", "Name": "data", "Destination": "/data", "RW": True}],
    }


def packed(files: dict[str, bytes]) -> bytes:
    """Return files as an archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in files.items():
            each = tarfile.TarInfo(name)
            each.size = len(text)
            archive.addfile(each, io.BytesIO(text))
    return content.getvalue()


class Engine:
    """An engine with some containers on one network, others on none, and volumes."""

    def __init__(self, *containers: dict[str, Any]) -> None:
        self.containers = {each["Id"]: each for each in containers}
        self.options: dict[str, dict[str, str]] = {}
        """The options of each volume."""
        self.data = b"parcel 1"
        """What is in /data/store.db."""

    def get(self, path: str, **query: Any) -> Any:
        """Return the network, the containers that have a volume, or a volume."""
        if path == "/info":
            return {"LoggingDriver": "json-file"}
        if path.startswith("/volumes/"):
            return {"Options": self.options.get(path.removeprefix("/volumes/"))}
        if path == "/containers/json":
            wanted = set(query["filters"]["volume"])
            return [
                {"Id": number}
                for number, each in self.containers.items()
                if wanted & {mount["Name"] for mount in each["Mounts"]}
            ]
        there = {key for key, each in self.containers.items() if each["NetworkSettings"]["Networks"]}
        return {"Containers": {key: {} for key in there}}

    def inspect(self, number: str) -> dict[str, Any]:
        """Return a container."""
        return self.containers[number]

    def logs(self, number: str, _: int) -> str:
        """Refuse, as for a log driver that keeps nothing."""
        raise UnreadableLogsError(number, 501)

    def request(self, _: str, path: str, *, query: dict[str, str], raw: bool) -> bytes:
        """Return the folder /app or /data as an archive; there is no other."""
        assert raw
        if query["path"] == "/data":
            return packed({"data/store.db": self.data})
        if query["path"] != "/app":
            raise NotFoundError(path)
        return packed({"app/main.py": b"x", "app/model.bin": b"x" * (SMALL_BYTES + 1)})

    files_below = api.Engine.files_below


def on_network(*containers: dict[str, Any], options: dict[str, dict[str, str]] | None = None) -> OnNetwork:
    """Return the services of a network with these containers, whose volumes have these options."""
    engine = Engine(*containers)
    engine.options |= options or {}
    lab = type("Lab", (), {"engine": engine, "shells": None})()
    return OnNetwork(cast("Lab", lab), "net")


def test_a_name_leads_to_the_container_with_the_alias() -> None:
    """Compose gives each container its service's name as an alias."""
    found = on_network(container("work-front"), container("work-tracking")).copies()
    assert [each.name for each in leading(found, "tracking")] == ["work-tracking"]


def test_what_the_scene_and_the_checker_put_on_the_network_is_not_the_learners() -> None:
    """Otherwise a container that takes up an address for a minute would make every proof invalid."""
    found = on_network(container("work-front"), container("x-prober", labels={ROLE: "prober"})).copies()
    assert [each.name for each in found] == ["work-front"]


def test_what_has_a_volume_of_a_copy_is_seen_on_whatever_network_it_is() -> None:
    """It reaches the service's data, as one on the network does."""
    copier = {**container("copier"), "NetworkSettings": {"Networks": {}}}
    stranger = {**copier, "Id": "id-s", "Name": "/stranger", "Mounts": [{"Type": "volume", "Name": "other"}]}
    found = on_network(container("work-front"), copier, stranger).copies()
    assert {each.name for each in found} == {"work-front", "copier"}


def test_two_volumes_that_are_one_folder_are_one_store() -> None:
    """A volume's options can give one folder two names."""
    one, two = container("work-front"), container("work-tracking")
    two["Mounts"] = [{**two["Mounts"][0], "Name": "another"}]
    bound = {"type": "none", "o": "bind", "device": "/srv/data/"}
    found = on_network(one, two, options={"data": bound, "another": bound}).copies()
    assert {store.source for each in found for store in each.stores} == {"/srv/data"}


def test_the_files_of_a_copy_are_those_of_its_secrets_and_of_its_programs_folder() -> None:
    """A folder that is not there has none, and a large file is left out."""
    front = container("work-front")
    front["Config"]["WorkingDir"] = "/app"
    services = on_network(front)
    (copy,) = services.copies()
    assert services.read_files(copy) == {"/app/main.py": b"x"}


@pytest.mark.parametrize(
    "command",
    [["python3", "/app/main.py"], ["sh", "-c", "exec python3 -u /app/main.py --port 8080"]],
)
def test_the_folder_of_a_program_that_the_command_names_is_its_folder(command: list[str]) -> None:
    """It may be mounted anywhere, and the program need not start in it."""
    front = container("work-front")
    front["Config"] |= {"WorkingDir": "/", "Cmd": command}
    services = on_network(front)
    (copy,) = services.copies()
    assert services.read_files(copy) == {"/app/main.py": b"x"}


@pytest.mark.parametrize(
    "command",
    [
        ["curl", "http://example.com/x"],
        ["wget", "http://tracking.local:8080/places.json"],
        ["/./main.py"],
        ["/app/../main.py"],
        ["/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "x"],
        ["/app/../usr/bin/x.py"],
    ],
)
def test_neither_an_address_nor_the_root_nor_the_system_is_a_folder_of_programs(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    front = container("work-front")
    front["Config"] |= {"WorkingDir": "/", "Cmd": command}
    made = on_network(front)
    (copy,) = made.copies()
    asked: list[str] = []

    def files_below(_: str, folder: str, most: int | None = None) -> dict[str, bytes]:
        asked.append(f"{folder} {most}")
        return {}

    monkeypatch.setattr(made._lab.engine, "files_below", files_below)
    made.read_files(copy)
    assert asked == [f"/run/secrets {SMALL_BYTES}"]


def test_the_interpreter_in_a_command_has_no_folder_of_programs() -> None:
    """All programs of the system are there."""
    front = container("work-front")
    front["Config"]["Entrypoint"] = ["/app/python3.11"]
    services = on_network(front)
    (copy,) = services.copies()
    assert services.read_files(copy) == {}


def test_what_a_copy_has_stored_changes_with_its_volume() -> None:
    """What it writes beside its volume changes nothing."""
    services = on_network(container("work-front"))
    (copy,) = services.copies()
    before = services.stored(copy)
    assert services.stored(copy) == before
    cast("Any", services)._lab.engine.data = b"parcel 2"
    assert services.stored(copy) != before


def test_what_a_copy_has_stored_leaves_out_what_it_only_reads() -> None:
    """A folder with programs may change while the service stores nothing."""
    front = container("work-front")
    front["Mounts"][0]["RW"] = False
    services = on_network(front)
    (copy,) = services.copies()
    before = services.stored(copy)
    cast("Any", services)._lab.engine.data = b"parcel 2"
    assert services.stored(copy) == before


def test_a_log_that_a_containers_own_settings_hide_is_the_learners_matter() -> None:
    """The engine's own log driver is the machine's matter."""
    front = container("work-front")
    front["HostConfig"] = {"LogConfig": {"Type": "none"}}
    services = on_network(front)
    (copy,) = services.copies()
    with pytest.raises(CheckFailed, match="log driver `none`"):
        services.logs(copy, 1)
    front["HostConfig"]["LogConfig"]["Type"] = "json-file"
    with pytest.raises(UnreadableLogsError):
        services.logs(copy, 1)


def test_a_copy_made_again_from_the_same_image_and_settings_has_the_same_revision() -> None:
    """A release and its rollback end where they began."""
    first = container("work-front")
    again = {**first, "Id": "another", "Created": "later"}
    assert revision_of(first, first["Mounts"]) == revision_of(again, again["Mounts"])


@pytest.mark.parametrize(
    "change",
    [
        {"Image": "sha256:2"},
        {"Config": {"Env": ["A=2"]}},
        {"Config": {"Env": ["A=1"], "Cmd": ["other"]}},
    ],
)
def test_another_image_command_or_environment_is_another_revision(change: dict[str, Any]) -> None:
    """What passed with the old one has to be tested again."""
    first = container("work-front")
    assert revision_of(first, []) != revision_of({**first, **change}, [])


def test_volumes_of_one_name_on_two_nodes_are_two_stores() -> None:
    """Each node has its own volumes."""
    mounts: list[dict[str, Any]] = [
        {"Type": "volume", "Name": "data", "RW": True},
        {"Type": "tmpfs", "Destination": "/scratch"},
    ]
    (one,), (two,) = stores_of(mounts, "node-1"), stores_of(mounts, "node-2")
    assert one.source != two.source


def swarm_service(name: str, **spec: Any) -> Service:
    """Return a service of a swarm."""
    return Service({"ID": f"id-{name}", "Spec": {"Name": name, "TaskTemplate": {}, **spec}})


def test_in_a_stack_a_services_short_name_leads_to_it() -> None:
    """Programs in the stack use the name without the stack's."""
    labels = {"com.docker.stack.namespace": "parcel"}
    assert "tracking" in swarm_service("parcel_tracking", Labels=labels).aliases


def test_an_alias_on_a_swarms_network_leads_to_the_service() -> None:
    """A service may have more names than its own."""
    task = {"Networks": [{"Target": "n", "Aliases": ["tracking"]}]}
    assert swarm_service("front", TaskTemplate=task).aliases == {"tracking"}


class Members:
    """A swarm with one service, whose copy stays on the first open node that it may run on."""

    def __init__(self, *, pinned: bool) -> None:
        self.may = ["node-2"] if pinned else ["node-2", "node-3"]
        self.node = "node-2"
        self.count = 1
        self.shut = ""
        self.done: list[str] = []

    def look(self) -> tuple[list[Any], list[Service], list[Task]]:
        """Return the service and its task."""
        if not self.count:
            self.node = ""
            return [], [swarm_service("tracking")], []
        self.node = self.node or next((each for each in self.may if each != self.shut), "")
        state, error = (
            ("running", "") if self.node else ("pending", "no suitable node (1 node not available)")
        )
        task = Task(
            "t",
            "id-tracking",
            self.node,
            1,
            state,
            wanted=True,
            error=error,
            container="c",
            image="i",
            created="",
        )
        return [], [swarm_service("tracking")], [task]

    def services(self) -> list[Service]:
        """Return the service."""
        return self.look()[1]

    def inspect(self, task: Task) -> dict[str, Any]:
        """Return the task's container."""
        return {**container("tracking"), "Id": f"on {task.node}"}

    def scale(self, _: str, count: int) -> None:
        """Scale the service."""
        self.count = count
        self.done.append(f"scale {count}")

    @contextlib.contextmanager
    def closed(self, node: str) -> Iterator[None]:
        """Close a node."""
        self.shut = node
        self.done.append(f"close {node}")
        try:
            yield
        finally:
            self.shut = ""
            self.done.append(f"open {node}")


@pytest.mark.parametrize(("pinned", "told"), [(True, ""), (False, "it ran on node-2 and runs on node-3 now")])
def test_a_service_starts_on_another_node_unless_it_is_pinned(pinned: bool, told: str) -> None:
    """A service whose volume is on one node has to say so, or it forgets its data."""
    members = Members(pinned=pinned)
    services = NamedOnSwarm(cast("Swarm", members))
    (copy,) = services.copies()
    services.stop(copy)
    assert services.start(copy) == told
    assert members.done == ["scale 0", "close node-2", "scale 1", "open node-2"]


class KubernetesApi:
    """An API server with one pod, a service that selects it, and a secret."""

    def __init__(self) -> None:
        self.pod = {
            "metadata": {
                "name": "tracking-1",
                "namespace": "default",
                "uid": "u",
                "labels": {"app": "tracking"},
                "creationTimestamp": "2026-11-29T12:00:00Z",
            },
            "spec": {
                "nodeName": "worker-1",
                "containers": [
                    {
                        "image": "parcel/tracking:1.0",
                        "env": [
                            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "gateway", "key": "key"}}}
                        ],
                        "volumeMounts": [
                            {"name": "data", "mountPath": "/data"},
                            {"name": "tmp", "mountPath": "/scratch"},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "data", "hostPath": {"path": "/srv/t/"}},
                    {"name": "tmp", "emptyDir": {}},
                ],
            },
            "status": {
                "containerStatuses": [{"imageID": "sha256:1", "state": {"running": {"startedAt": "s"}}}]
            },
        }

    def get(self, *paths: str) -> list[Any]:
        """Answer each path."""
        return [self._one(path) for path in paths]

    def _one(self, path: str) -> dict[str, Any]:
        if path.endswith("/secrets/gateway"):
            return {"data": {"key": "c2VhbA=="}}
        if "/secrets/" in path:
            raise Refused(404, "no such secret")
        if path.startswith("/api/v1/services"):
            meta = {"name": "tracking", "namespace": "default"}
            return {"items": [{"metadata": meta, "spec": {"selector": {"app": "tracking"}}}]}
        return {"items": [self.pod]}


def test_on_kubernetes_the_name_of_a_service_leads_to_the_pods_that_it_selects() -> None:
    """Whatever the pod's own name is."""
    (copy,) = NamedOnKubernetes(cast("Api", KubernetesApi())).copies()
    assert copy.names == {"tracking"}


def test_on_kubernetes_a_variable_from_a_secret_is_part_of_the_environment() -> None:
    """The program in the pod sees its value, and so does an attacker in the pod."""
    (copy,) = NamedOnKubernetes(cast("Api", KubernetesApi())).copies()
    assert copy.env == {"KEY": "seal"}


def test_on_kubernetes_what_ends_with_the_pod_is_no_store() -> None:
    """An emptyDir is gone with its pod; a folder of the node stays on that node."""
    (copy,) = NamedOnKubernetes(cast("Api", KubernetesApi())).copies()
    assert [store.source for store in copy.stores] == ["worker-1: /srv/t"]


@pytest.mark.parametrize(
    ("labels", "networks", "told"),
    [
        ({}, {"work_default": {}}, "work-front runs, on work_default"),
        ({}, {}, "work-front runs, on no network"),
        ({COMPOSE_ONE_OFF: "True"}, {"net": {}}, "work-front runs, and `docker compose run`"),
        ({}, {"net": {}}, ""),
        ({COMPOSE_SERVICE: "tracking"}, {"work_default": {}}, ""),
    ],
)
def test_what_runs_under_a_name_that_does_not_lead_to_it_is_known(
    labels: dict[str, str], networks: dict[str, Any], told: str
) -> None:
    record = container("work-front", labels={COMPOSE_SERVICE: "front", **labels})
    record["NetworkSettings"]["Networks"] = networks
    on = on_network(record)
    cast("Any", on)._lab.containers = lambda: [on._container("id-work-front")]
    said = on.aside("front")
    assert said.startswith(told) if told else not said
