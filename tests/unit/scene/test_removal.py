"""What is removed with a lab, what stays, and in what order, on an engine that is a table."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.api import Engine, NotFoundError, RefusedError
from checker.engine.endpoint import Endpoint
from checker.scene.ownership import (
    owned_networks,
    owned_volumes,
    remove_owned,
    remove_scene,
    remove_unused,
    scene_ids,
    unnamed_volumes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Course

LAB = {"io.drydock.lab": "97"}
SCENE = {"com.docker.compose.project": "drydock-97"}


class Table(Engine):
    """An engine with things by kind; it removes what it is told to, and notes each step."""

    def __init__(self, **things: list[dict[str, Any]]) -> None:
        super().__init__(Endpoint("unix:///x", "test"))
        self.things = things
        self.plugged: dict[str, list[str]] = {}
        self.errors: dict[str, Exception] = {}
        self.steps: list[tuple[str, dict[str, Any]]] = []
        self._one = threading.Lock()  # containers are removed in several threads

    def list_all(self, kind: str, *, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """List what carries all of the labels."""
        wanted = (labels or {}).items()
        return [item for item in self.things.get(kind, []) if wanted <= (item.get("Labels") or {}).items()]

    def get(self, path: str, **_: Any) -> Any:
        """Return what is plugged into a network."""
        network = path.rpartition("/")[2]
        if network not in self.plugged:
            raise NotFoundError(f"no network {network}")
        return {"Containers": {key: {} for key in self.plugged[network]}}

    def post(self, path: str, body: Any = None, **_: Any) -> None:
        """Note it."""
        self._step(f"POST {path}", body or {})

    def delete(self, path: str, **query: Any) -> None:
        """Remove a thing."""
        self._step(f"DELETE {path}", query)
        _, kind, name = path.split("/")
        for item in self.things[kind]:
            if name in {item.get("Id"), item.get("Name")}:
                self.things[kind].remove(item)
                return
        raise NotFoundError(f"no {name}")

    def _step(self, step: str, how: dict[str, Any]) -> None:
        with self._one:
            self.steps.append((step, how))
        error = self.errors.pop(step, None)
        if error is not None:
            if step.startswith("DELETE"):
                _, kind, name = step.split()[1].split("/")
                self.things[kind] = [item for item in self.things[kind] if item.get("Id") != name]
            raise error


def thing(name: str, labels: dict[str, str] | None = LAB, **more: Any) -> dict[str, Any]:
    return {"Id": f"{name}-id", "Name": name, "Names": [f"/{name}"], "Labels": labels, **more}


def volume(name: str, labels: dict[str, str] | None = LAB) -> dict[str, Any]:
    return {"Name": name, "Labels": labels}


def test_networks_and_volumes_are_the_labs_by_their_label(course: Course) -> None:
    engine = Table(
        networks=[thing("ours"), thing("scene", SCENE), thing("theirs", {"a": "b"}), thing("bare", None)],
        volumes=[volume("ours"), volume("scene", SCENE), volume("theirs", {"a": "b"}), volume("bare", None)],
    )
    assert [item["Name"] for item in owned_networks(engine, course.lab())] == ["ours", "scene"]
    assert [item["Name"] for item in owned_volumes(engine, course.lab())] == ["ours", "scene"]


def test_a_volume_that_labs_share_stays_whichever_labs_compose_made_it(course: Course) -> None:
    engine = Table(volumes=[volume("scene", SCENE), volume("shared", {**SCENE, "io.drydock.kept": "node"})])
    assert [item["Name"] for item in owned_volumes(engine, course.lab())] == ["scene"]
    assert scene_ids(engine, course.lab()) == {"scene"}
    # A start that failed takes back what it made, and this too is nobody's.
    assert remove_scene(engine, course.lab(), keep=frozenset()) == ["volume scene"]
    assert remove_owned(engine, course.lab()) == []
    assert [item["Name"] for item in engine.things["volumes"]] == ["shared"]


def mounted(container: str, *volumes: str, labels: dict[str, str] = LAB) -> dict[str, Any]:
    return thing(container, labels, Mounts=[{"Type": "volume", "Name": name} for name in volumes])


def test_a_volume_that_docker_run_made_goes_with_the_labs_containers_and_an_older_or_shared_one_stays(
    course: Course,
) -> None:
    def made(name: str, at: str) -> dict[str, Any]:
        return volume(name, None) | {"CreatedAt": f"2026-11-28T{at}"}

    scene = thing("toolbox", SCENE, Created=1795860000)  # 10:00
    engine = Table(
        containers=[
            scene,
            mounted("parcel", "ledger", "before", "shared"),
            mounted("other", "shared", labels={}),
        ],
        volumes=[
            made("ledger", "10:00:07Z"),
            made("before", "09:59:59Z"),
            made("shared", "10:00:07Z"),
            made("of-nobody", "10:00:07Z"),
            volume("of-a-program", {"a": "b"}) | {"CreatedAt": "2026-11-28T10:00:07Z"},
        ],
    )
    assert remove_owned(engine, course.lab()) == ["toolbox", "parcel", "volume ledger"]


def test_everything_of_a_lab_goes_by_name_and_nothing_else(course: Course) -> None:
    engine = Table(
        containers=[thing("ours"), thing("theirs", {})],
        networks=[thing("ours"), thing("theirs", {})],
        volumes=[volume("ours"), volume("theirs", {})],
        images=[
            {"Id": "sha256:0123456789abcdef", "RepoTags": None, "Labels": LAB},
            {"Id": "sha256:fedcba", "RepoTags": ["mine:1"], "Labels": LAB},
        ],
    )
    assert remove_owned(engine, course.lab()) == [
        *("ours", "network ours", "volume ours"),
        *("image 0123456789ab", "image mine:1"),
    ]
    assert [item["Name"] for several in engine.things.values() for item in several] == ["theirs"] * 3
    how = dict(engine.steps)
    assert how["DELETE /containers/ours-id"] == {"force": True, "v": True}
    assert how["DELETE /volumes/ours"] == {"force": True}
    assert how["DELETE /images/sha256:fedcba"] == {"force": True}


def test_images_that_a_learner_built_can_stay(course: Course) -> None:
    engine = Table(
        containers=[thing("ours")], images=[{"Id": "sha256:x", "RepoTags": ["mine:1"], "Labels": LAB}]
    )
    assert remove_owned(engine, course.lab(), images=False) == ["ours"]
    assert len(engine.things["images"]) == 1


def test_a_container_without_a_name_is_told_by_the_beginning_of_its_id(course: Course) -> None:
    nameless = {"Id": "0123456789abcdef", "Names": None, "Labels": LAB}
    assert remove_owned(Table(containers=[nameless]), course.lab()) == ["0123456789ab"]


def test_a_paused_container_is_let_go_on_before_it_is_removed(course: Course) -> None:
    engine = Table(containers=[thing("frozen", State="paused"), thing("running", State="running")])
    engine.errors["POST /containers/frozen-id/unpause"] = RefusedError("not paused", 409)
    remove_owned(engine, course.lab())
    posts = [step for step, _ in engine.steps if step.startswith("POST")]
    assert posts == ["POST /containers/frozen-id/unpause"]
    assert engine.things["containers"] == []


def test_a_strangers_container_on_a_labs_network_is_unplugged_and_stays(course: Course) -> None:
    engine = Table(containers=[thing("theirs", {})], networks=[thing("ours")])
    engine.plugged["ours-id"] = ["theirs-id", "gone-id"]
    engine.errors["POST /networks/ours-id/disconnect"] = NotFoundError("gone already")
    assert remove_owned(engine, course.lab()) == ["network ours"]
    assert engine.steps[:2] == [
        ("POST /networks/ours-id/disconnect", {"Container": each, "Force": True})
        for each in ("theirs-id", "gone-id")
    ]
    assert len(engine.things["containers"]) == 1


@pytest.mark.parametrize("error", [NotFoundError("gone"), RefusedError("removal in progress", 409)])
def test_what_somebody_else_removes_at_this_moment_is_not_told_as_ours(
    course: Course, error: Exception
) -> None:
    engine = Table(containers=[thing("a"), thing("b")])
    engine.errors["DELETE /containers/a-id"] = error
    assert remove_owned(engine, course.lab()) == ["b"]


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_engine_that_will_not_remove_something_is_heard(course: Course, status: int) -> None:
    engine = Table(containers=[thing("a")])
    engine.errors["DELETE /containers/a-id"] = RefusedError("no", status)
    with pytest.raises(RefusedError, match="no"):
        remove_owned(engine, course.lab())


def test_of_a_scene_goes_what_compose_made_but_for_what_is_kept(course: Course) -> None:
    engine = Table(
        containers=[thing("old", SCENE), thing("new", SCENE), thing("learners")],
        networks=[thing("old", SCENE), thing("learners")],
        volumes=[volume("old", SCENE), volume("kept", SCENE), volume("learners")],
    )
    lab = course.lab()
    assert scene_ids(engine, lab) == {"old-id", "new-id", "old", "kept"}
    assert remove_scene(engine, lab, keep=frozenset({"new-id", "kept"})) == [
        *("old", "network old", "volume old")
    ]
    assert [item["Name"] for several in engine.things.values() for item in several] == [
        *("new", "learners", "learners", "kept", "learners")
    ]


def test_only_volumes_without_a_name_of_the_scenes_containers_are_unnamed(course: Course) -> None:
    unnamed, theirs = "a" * 64, "b" * 64
    mounts = [{"Type": "volume", "Name": unnamed}, {"Type": "volume", "Name": "disk"}, {"Type": "bind"}]
    engine = Table(
        containers=[
            thing("node", SCENE, Mounts=mounts),
            thing("other", LAB, Mounts=[{"Type": "volume", "Name": theirs}]),
        ]
    )
    assert unnamed_volumes(engine, course.lab()) == {unnamed}


def test_an_unused_volume_goes_and_one_that_is_in_use_stays() -> None:
    unused, used = "a" * 64, "b" * 64
    engine = Table(volumes=[volume(unused), volume(used)])
    engine.errors[f"DELETE /volumes/{used}"] = RefusedError("volume is in use", 409)
    remove_unused(engine, frozenset({unused, used}))
    assert [step for step, _ in engine.steps] == [f"DELETE /volumes/{unused}", f"DELETE /volumes/{used}"]
