"""The engine in a node: its containers are seen as others are, and handled by the docker command there."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from checker.grading.inside import Inner, Inside


class Node:
    """A node that notes what it is told to run."""

    def __init__(self, says: str = "") -> None:
        self.told: list[str] = []
        self._says = says

    def exec(self, command: str, *_: Any, **__: Any) -> Any:
        """Note it."""
        self.told.append(command)
        return SimpleNamespace(rc=0, stdout=self._says, stderr="")


def record(name: str, created: str = "1", *mounts: dict[str, str]) -> dict[str, Any]:
    return {"Id": name, "Name": f"/{name}", "Created": created, "HostConfig": {}, "Mounts": list(mounts)}


def inner(says: str = "", *mounts: dict[str, str]) -> tuple[Inner, Node]:
    """Return a container of a node, and the node."""
    node: Any = Node(says)
    return Inner(Inside(node), record("c1", "1", *mounts)), node


def test_all_containers_are_listed_the_newest_first() -> None:
    node: Any = Node(json.dumps([record("old", "1"), record("new", "2")]))
    assert [each.name for each in Inside(node).containers()] == ["new", "old"]


def test_an_engine_without_containers_has_none() -> None:
    node: Any = Node()
    assert Inside(node).containers() == []


def test_a_command_that_goes_on_in_the_background_is_no_error_of_syntax() -> None:
    node: Any = Node()
    Inside(node).run("sleep 9 &")
    assert node.told == ["{ sleep 9 &\n} 2>/dev/null; true"]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda each: each.kill("TERM"), "docker kill --signal TERM c1"),
        (lambda each: each.stop(3), "docker stop --time 3 c1"),
        (lambda each: each.start(), "docker start c1"),
        (lambda each: each.restart(2), "docker restart --time 2 c1"),
        (lambda each: each.remove(), "docker rm --force --volumes c1"),
        (lambda each: each.logs(7), "docker logs --tail 7 c1 2>&1"),
        (lambda each: each.exec("echo 'a b'", user="root"), "docker exec --user root c1 sh -c "),
    ],
)
def test_what_is_done_to_a_container_is_done_on_its_own_engine(act: Any, words: str) -> None:
    container, node = inner()
    act(container)
    assert words in node.told[0]


def test_its_processes_are_read_from_outside() -> None:
    container, _ = inner("PID USER   COMMAND\n7 parcel python3 /app/store.py\n81   root   sh -c x y\n")
    assert container.processes() == [("parcel", "python3 /app/store.py"), ("root", "sh -c x y")]


def test_a_new_snapshot_comes_from_its_own_engine() -> None:
    container, _ = inner(json.dumps([record("c1", "5")]))
    assert container.reload().created == "5"


def test_what_is_mounted_on_a_folder_is_the_nearest_mount_above_it() -> None:
    above = {"Type": "bind", "Destination": "/var/lib/", "Source": "/srv/lib"}
    near = {"Type": "volume", "Destination": "/var/lib/parcel", "Source": "/disk/parcels"}
    memory = {"Type": "tmpfs", "Destination": "/var/lib/fast", "Source": ""}
    container, _ = inner("", above, near, memory)
    assert container.mounted_on("/var/lib/parcel") == "/disk/parcels"
    assert container.mounted_on("/var/lib/parcel/more") == "/disk/parcels/more"
    assert container.mounted_on("/var/lib/parcel-copy") == "/srv/lib/parcel-copy"
    assert container.mounted_on("/var/lib/fast") == ""
    assert container.mounted_on("/etc") == ""


def test_a_part_of_a_volume_that_is_mounted_is_that_folder_of_it() -> None:
    whole = {"Type": "volume", "Destination": "/data", "Source": "/disk/parcels"}
    container, _ = inner("", whole)
    asked = {"Type": "volume", "Target": "/data", "VolumeOptions": {"Subpath": "one"}}
    container.attrs["HostConfig"] = {"Mounts": [{"Type": "bind", "Target": "/other"}, asked]}
    assert container.mounted_on("/data/more") == "/disk/parcels/one/more"
    del asked["VolumeOptions"]
    assert container.mounted_on("/data/more") == "/disk/parcels/more"
